// Between the reload and the page that is loaded anew the word is kept where only this tab sees it.
const word = "pneumolens-lost-session"

export default function ({ data, setStateValue }) {
  const before = window.pneumolensMark
  window.pneumolensMark = data.mark
  if (before && before !== data.mark) {
    sessionStorage.setItem(word, "1")
    location.reload()
  } else if (sessionStorage.getItem(word)) {
    sessionStorage.removeItem(word)
    setStateValue("lost", true)
  }
}
