// Between the reload and the page that is loaded anew the word is kept where only this tab sees it.
const word = "pneumolens-lost-session"
const state = "data-test-connection-state"

export default function ({ data, setStateValue }) {
  const before = window.pneumolensMark
  window.pneumolensMark = data.mark
  if (before && before !== data.mark) {
    sessionStorage.setItem(word, "1")
    location.reload()
    return
  }
  if (sessionStorage.getItem(word)) {
    sessionStorage.removeItem(word)
    setStateValue("lost", true)
  }
  // After a broken connection the tab would wait for the next click before it asks the server.
  const app = document.querySelector(`[${state}]`)
  if (!app) return
  const watcher = new MutationObserver((changes) => {
    const was = changes[0].oldValue
    const is = app.getAttribute(state)
    if (was !== is && is === "CONNECTED") setStateValue("connected", Date.now())
  })
  watcher.observe(app, { attributeFilter: [state], attributeOldValue: true })
  return () => watcher.disconnect()
}
