/* Draws nothing: hands files that are pasted anywhere on the page to the page's uploader, as if they
   had been chosen there, so that the same limits hold and the same words are said. */
export default function () {
  const paste = (event) => {
    const files = event.clipboardData?.files;
    if (!files?.length) return; // text goes where the cursor is
    const input = document.querySelector("[data-testid=stFileUploaderDropzone] input[type=file]");
    if (!input) return;
    const chosen = new DataTransfer();
    for (const file of input.multiple ? files : [files[0]]) chosen.items.add(file);
    input.files = chosen.files;
    input.dispatchEvent(new Event("change", { bubbles: true }));
    event.preventDefault();
  };
  document.addEventListener("paste", paste);
  return () => document.removeEventListener("paste", paste);
}
