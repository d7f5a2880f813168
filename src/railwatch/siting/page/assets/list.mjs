// The tracks as a list: choose, name, tell main lines, confirm and remove.

function field(type, value, label, changed) {
  const input = document.createElement("input");
  input.type = type;
  if (type === "checkbox") input.checked = value;
  else input.value = value;
  input.setAttribute("aria-label", label);
  input.addEventListener("change", () => changed(type === "checkbox" ? input.checked : input.value.trim()));
  return input;
}

function button(text, label, work) {
  const made = document.createElement("button");
  made.type = "button";
  made.textContent = text;
  made.setAttribute("aria-label", label);
  made.addEventListener("click", work);
  return made;
}

function metres(coordinates) {
  let sum = 0;
  for (let n = 1; n < coordinates.length; n += 1) {
    const [[lon, lat], [before, beforeLat]] = [coordinates[n], coordinates[n - 1]];
    sum += Math.hypot((lon - before) * Math.cos((lat * Math.PI) / 180), lat - beforeLat) * 111_200;
  }
  return Math.round(sum);
}

export function listTracks(list, editing) {
  if (list.contains(document.activeElement) && document.activeElement.type === "text") document.activeElement.blur();
  list.replaceChildren(...editing.tracks.map((track, number) => item(track, number, editing)));
}

function item(track, number, editing) {
  const row = document.createElement("li");
  if (number === editing.chosen) row.className = "chosen";
  const more = document.createElement("div");
  more.className = "more";
  const main = document.createElement("label");
  main.append(field("checkbox", track.main, `${track.name} is a main line`, (value) => editing.change(() => (track.main = value))), "main line");
  more.append(`${metres(track.coordinates)} m`, main);
  if (track.proposed) {
    const confirm = () => editing.change(() => (track.proposed = false));
    more.append("proposed", button("Confirm", `Confirm ${track.name}`, confirm));
  }
  const rename = (value) => {
    const taken = editing.tracks.some((other) => other !== track && other.name === value);
    editing.change(() => (track.name = value && !taken ? value : track.name));
  };
  row.append(
    field("text", track.name, `Name of track ${number + 1}`, rename),
    button("Choose", `Choose ${track.name}`, () => editing.choose(number, 0)),
    button("Remove", `Remove ${track.name}`, () => editing.removeTrack(number)),
    more,
  );
  return row;
}
