/* Draws nothing: hands a picture over for as long as it is on the page. Its bytes begin with its
   name, see `unpack`. A clean-up may run after the next call, so carriers are counted. */
export default function ({ data }) {
  const { name } = JSON.parse(new TextDecoder().decode(data.subarray(0, data.indexOf(10))));
  const entry = expected(name);
  entry.carriers += 1;
  if (entry.carriers === 1 && !entry.started) {
    entry.started = true;
    unpack(data).then(entry.keep, entry.fail);
  }
  return () => {
    entry.carriers -= 1;
    if (entry.carriers === 0) waiting.delete(name);
  };
}
