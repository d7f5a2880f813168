// Elements of the page, made of text and other elements only: what comes from outside never becomes markup.

export const $ = (selector, within = document) => within.querySelector(selector);

export function el(tag, attributes = {}, ...content) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...content.filter((part) => part !== null && part !== undefined));
  return element;
}

const DAY = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "long", year: "numeric", timeZone: "UTC" });

// A date for people, of seconds since 1970.
export function date(seconds) {
  if (seconds === null) return null;
  const at = new Date(seconds * 1000);
  const clock = at.toISOString();
  return el("time", { datetime: clock, title: `${clock.slice(0, 10)} ${clock.slice(11, 16)} UTC` }, DAY.format(at));
}
