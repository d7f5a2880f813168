// What people say of a look or an alert. On a look's page, cars are chosen on the map; cars that were missed are marked at
// its middle, under the cross, so that a mouse, a finger and the arrow keys all do.

import { $, el } from "./elements.mjs";

const part = $(".verdicts");
const form = $("form", part);
const address = part.dataset.address;
const said = $("output", form);
const KEPT = ["token", "by"];

let chosen = null; // the car that is chosen on the map
let first = null; // the first of two cars that are one
let marks = null;
let verdicts = [];

const placeOf = ({ lon, lat, tile, track }) => ({ lon, lat, tile: tile ?? null, track: track ?? null });

const needs = {
  "not-a-car": () => ({ places: [ofChosen()], reason: form.elements.reason.value }),
  "two-cars": () => ({ places: [ofChosen()] }),
  "one-car": () => ({ places: ofTwo() }),
  "missed-car": () => ({ places: [ofMiddle()] }),
  total: () => ({ total: ofTotal() }),
  false: () => ({ reason: form.elements.reason.value }),
};

class Unready extends Error {}

function ofChosen() {
  if (!chosen) throw new Unready("Choose a car on the map or in the list first.");
  return placeOf(chosen);
}

function ofTwo() {
  const car = ofChosen();
  if (!first || first.id === chosen.id) {
    first = chosen;
    throw new Unready(`Track ${chosen.track}, number ${chosen.number}: now choose the other half of it, and press again.`);
  }
  const two = [placeOf(first), car];
  first = null;
  return two;
}

function ofMiddle() {
  if (!marks) throw new Unready("The map is not ready.");
  if (!marks.aiming) {
    marks.aim(true);
    throw new Unready("Move the map until the cross lies on the car that was missed, and press again.");
  }
  marks.aim(false);
  return marks.middle();
}

function ofTotal() {
  if (form.elements.total.value === "") throw new Unready("Type the right total first.");
  return Number(form.elements.total.value);
}

async function say(kind) {
  try {
    const last = verdicts.findLast((verdict) => verdict.stands);
    if (kind === "undo" && !last) throw new Unready("Nothing stands that could be undone.");
    const undo = kind === "undo" ? { kind: "taken-back", takes_back: last.id } : null;
    await send(undo ?? { kind, note: form.elements.note.value, ...(needs[kind]?.() ?? {}) });
  } catch (error) {
    said.textContent = error.message;
  }
}

async function send(verdict) {
  const { token, by } = form.elements;
  const body = by.value ? { ...verdict, by: by.value } : verdict;
  said.textContent = "Sending.";
  const headers = { "Content-Type": "application/json", ...(token.value && { Authorization: `Bearer ${token.value}` }) };
  const answer = await fetch(address, { method: "POST", headers, body: JSON.stringify(body) });
  const found = await answer.json();
  if (!answer.ok) throw new Error(found.detail ?? found.title);
  for (const name of KEPT) sessionStorage.setItem(`railwatch:${name}`, form.elements[name].value);
  form.elements.note.value = "";
  said.textContent = "";
  show(found);
}

function show(found) {
  verdicts = found.verdicts;
  $(".both", part).textContent = found.found ? ofLook(found) : ofAlert(found);
  $(".said", part).replaceChildren(...[...verdicts].reverse().map(entry));
  marks?.draw(verdicts);
}

function ofLook({ found, false: wrong, missed, true: total, explained }) {
  // A half goes to the even number, as everywhere else on the page.
  const whole = (count) => (count % 1 === 0.5 ? 2 * Math.round(count / 2) : Math.round(count));
  const detector = found.count === null ? "The detector has no count." : `Detector: ${whole(found.count)} (${whole(found.low)} to ${whole(found.high)}).`;
  const marked = wrong || missed ? ` Marked: ${wrong} false, ${missed} missed.` : "";
  if (total === null) return `${detector}${marked} People: no total yet.`;
  return `${detector}${marked} People: ${total}${explained ? ", each difference marked" : ""}.`;
}

function ofAlert({ judged }) {
  return judged ? `People call this alert ${judged}.` : "Nobody has judged this alert yet.";
}

function entry(verdict) {
  const undo = el("button", { type: "button", "aria-label": `Take back: ${verdict.sentence}` }, "Take back");
  undo.addEventListener("click", () => send({ kind: "taken-back", takes_back: verdict.id }).catch((error) => (said.textContent = error.message)));
  const day = verdict.recorded_at.slice(0, 16).replace("T", " ");
  return el("li", { class: verdict.stands || verdict.kind === "taken-back" ? null : "gone" }, el("span", {}, `${verdict.sentence} (${day} UTC)`), verdict.stands ? undo : null);
}

const buttons = [...form.querySelectorAll("button[name=kind]")];
for (const button of buttons) button.addEventListener("click", () => say(button.value));
form.addEventListener("submit", (event) => event.preventDefault());
const byKey = new Map(buttons.map((button) => [button.getAttribute("aria-keyshortcuts")?.toLowerCase(), button]));
document.addEventListener("keydown", (event) => {
  const writing = event.target.closest("input:not([type=checkbox], [type=range]), select, textarea");
  if (event.key === "Escape") marks?.aim(false);
  if (writing || event.ctrlKey || event.metaKey || event.altKey) return;
  byKey.get(event.key.toLowerCase())?.click();
});
for (const name of KEPT.filter((name) => !form.elements[name].disabled)) form.elements[name].value = sessionStorage.getItem(`railwatch:${name}`) ?? "";
document.addEventListener("railwatch:car", ({ detail }) => {
  chosen = detail;
  said.textContent = "";
});
document.addEventListener("railwatch:ground", async ({ detail }) => {
  const { Marks } = await import("./verdict-marks.mjs"); // the page of an alert has no map
  marks = new Marks(detail);
  marks.draw(verdicts);
});

const answer = await fetch(address).catch(() => null);
if (answer?.ok) show(await answer.json());
document.documentElement.dataset.verdicts = "yes";
