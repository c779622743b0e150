const mounted = new WeakMap();

/* The one widget of an element: made at the first call, shown what is new at each.

   Streamlit calls a component again for a new payload or theme, on the same element, and the
   clean-up of an overtaken call may run late: only that of the latest call ends the widget. */
function mount(Widget, parentElement, show) {
  if (!mounted.has(parentElement)) {
    mounted.set(parentElement, { widget: new Widget(parentElement), turn: 0 });
  }
  const kept = mounted.get(parentElement);
  const turn = (kept.turn += 1);
  show(kept.widget);
  return () => {
    if (turn !== kept.turn) return;
    kept.widget.destroy();
    mounted.delete(parentElement);
  };
}
