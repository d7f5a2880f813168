// The tools below the map and their keys: what the pointer does, by keyboard and by thumb, at the map's middle.

const KEYS = { m: "move", "[": "previous", "]": "next", Delete: "remove", Backspace: "remove", Escape: "end" };

export function equip(editing, map) {
  const step = (by) => {
    editing.step(by);
    if (editing.vertex !== null) map.pan(editing.line[editing.vertex]);
  };
  const actions = {
    point: () => editing.add(map.middle),
    move: () => editing.move(map.middle),
    remove: () => editing.remove(),
    end: () => editing.finish(),
    undo: () => editing.undo(),
    previous: () => step(-1),
    next: () => step(1),
  };
  document.getElementById("tools").addEventListener("click", (event) => {
    const action = event.target.closest("button")?.dataset.do;
    if (action) actions[action]();
  });
  document.addEventListener("keydown", (event) => {
    if (event.target.closest("input, select")) return;
    let action = event.ctrlKey || event.metaKey ? { z: "undo" }[event.key] : KEYS[event.key];
    if (event.key === "Enter" && event.target.closest("#map")) action = "point";
    if (!action) return;
    event.preventDefault();
    actions[action]();
  });
}

// Only what can be done now can be pressed.
export function showTools(editing) {
  const needs = { point: editing.line, end: editing.line, undo: editing.past.length };
  needs.previous = needs.next = editing.line?.length;
  for (const button of document.querySelectorAll("#tools button")) {
    const action = button.dataset.do;
    button.disabled = !(action in needs ? needs[action] : editing.line && editing.vertex !== null);
  }
  document.getElementById("tools").hidden = !editing.line && !editing.past.length;
}
