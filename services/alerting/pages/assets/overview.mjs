// The overview: all sites in a table beside a map, filtered, sorted and searched together.

import { $, date, el } from "./elements.mjs";
import { SitesMap } from "./sites-map.mjs";

// Rows that are drawn at once: what a screen or two hold. More come with a button.
const ROWS = matchMedia("(max-width: 40rem)").matches ? 20 : 50;
const WORDS = { alert: "alert", normal: "normal", learning: "learning", unobserved: "not seen", measured: "measured", never: "never seen" };
const WORST = ["alert", "unobserved", "learning", "measured", "normal", "never"];

const form = $("#choices");
const body = $("#sites");
const heads = [...document.querySelectorAll("th[data-sort]")];
const numbers = new Intl.NumberFormat("en-GB");
let sites = [];
let chosen = [];
let order = { by: "", down: false };
let rows = ROWS;
let map = null;

async function begin() {
  const { columns, rows: found } = await (await fetch("/sites.json")).json();
  sites = found.map((row) => Object.fromEntries(columns.map((name, n) => [name, row[n]])));
  sites.forEach((site, place) => {
    site.place = place;
    site.words = `${site.name} ${site.id}`.toLowerCase();
  });
  fromAddress();
  for (const head of heads) sortable(head);
  form.hidden = false;
  $("#map-side").hidden = false;
  $(".list .pages")?.remove();
  form.addEventListener("input", () => choose());
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(() => choose()));
  map = new SitesMap($("#map"), sites, () => form.elements.seen.checked && choose());
  choose();
  await map.ready;
  map.show(chosen, true);
  document.documentElement.dataset.ready = "yes";
}

// What is chosen stands in the address, so that it can be kept and passed on.
function fromAddress() {
  const given = new URLSearchParams(location.search);
  form.elements.q.value = given.get("q") ?? "";
  for (const box of form.elements.state) box.checked = given.getAll("state").includes(box.value);
  order = { by: given.get("sort") ?? "", down: given.has("down") };
}

function toAddress(query, states) {
  const said = new URLSearchParams([...(query ? [["q", query]] : []), ...states.map((state) => ["state", state])]);
  if (order.by) said.set("sort", order.by);
  if (order.by && order.down) said.set("down", "");
  const text = said.toString();
  history.replaceState(null, "", text ? `?${text}` : location.pathname);
}

function sortable(head) {
  const button = el("button", { type: "button" }, head.textContent);
  head.replaceChildren(button);
  button.addEventListener("click", () => {
    const by = head.dataset.sort;
    // Figures begin with the largest and the newest, words with A; a third press gives the first order back.
    const downFirst = !["name", "state"].includes(by);
    if (order.by !== by) order = { by, down: downFirst };
    else if (order.down === downFirst) order.down = !downFirst;
    else order = { by: "", down: false };
    choose();
  });
}

const matches = (site, states) =>
  !states.length || states.includes(site.state) || (states.includes("overdue") && site.overdue.length > 0);

function choose() {
  const query = form.elements.q.value.trim().toLowerCase();
  const words = query.split(/\s+/).filter(Boolean);
  const states = [...form.elements.state].filter((box) => box.checked).map((box) => box.value);
  const seen = form.elements.seen.checked && map ? map.inSight() : () => true;
  const found = sites.filter((site) => words.every((word) => site.words.includes(word)) && seen(site));
  for (const box of form.elements.state) {
    const many = found.filter((site) => matches(site, [box.value])).length;
    $(".count", box.parentElement).textContent = numbers.format(many);
  }
  chosen = found.filter((site) => matches(site, states)).sort(compare);
  rows = ROWS;
  toAddress(query, states);
  draw();
  if (!form.elements.seen.checked) map?.show(chosen, Boolean(query || states.length));
}

function compare(one, other) {
  const { by, down } = order;
  if (!by) return one.place - other.place;
  const [a, b] = by === "state" ? [WORST.indexOf(one.state), WORST.indexOf(other.state)] : [one[by], other[by]];
  if (a === null || b === null) return (a === null) - (b === null) || one.place - other.place; // unknown comes last
  const sign = typeof a === "string" ? a.localeCompare(b) : a - b;
  return (down ? -sign : sign) || one.place - other.place;
}

function draw() {
  const all = chosen.length === sites.length;
  const many = `${numbers.format(sites.length)} site${sites.length === 1 ? "" : "s"}`;
  $("#shown").textContent = all ? many : `${numbers.format(chosen.length)} of ${many}`;
  body.replaceChildren(...chosen.slice(0, rows).map(row));
  for (const head of heads) {
    const by = head.dataset.sort === order.by;
    if (by) head.setAttribute("aria-sort", order.down ? "descending" : "ascending");
    else head.removeAttribute("aria-sort");
  }
  $("#more")?.remove();
  if (chosen.length > rows) {
    const more = el("button", { type: "button", id: "more" }, `Show ${Math.min(ROWS, chosen.length - rows)} more`);
    more.addEventListener("click", () => {
      const first = rows;
      rows += ROWS;
      draw();
      $("a", body.children[first]).focus();
    });
    $(".list").append(more);
  }
}

function row(site) {
  const link = el("a", { href: `/sites/${site.id}` }, site.name);
  const state = site.alert
    ? el("a", { href: `/alerts/${site.alert}`, class: "state alert" }, "alert")
    : el("span", { class: `state ${site.state}` }, WORDS[site.state]);
  const overdue = site.overdue.map((miss) => el("span", { class: "state overdue" }, miss === "look" ? "overdue" : "hidden"));
  const made = el(
    "tr",
    {},
    el("th", { scope: "row" }, link),
    el("td", {}, state, ...overdue),
    el("td", { "data-label": "Railcars" }, site.found),
    el("td", { "data-label": "At most expected" }, site.threshold === null ? null : String(Math.floor(site.threshold))),
    el("td", { "data-label": "Judged on" }, date(site.judged_at)),
    el("td", { "data-label": "Last look" }, date(site.last_look_at)),
  );
  for (const kind of ["mouseenter", "focusin"]) made.addEventListener(kind, () => map?.point(site));
  for (const kind of ["mouseleave", "focusout"]) made.addEventListener(kind, () => map?.point(null));
  return made;
}

begin();
