"use strict";

// The slider between before and after: the range input, which the keyboard moves too, sets how much of the earlier
// picture is shown.
for (const slider of document.querySelectorAll(".slider")) {
  const range = slider.querySelector("input");
  const follow = () => slider.style.setProperty("--shown", `${range.value}%`);
  range.addEventListener("input", follow);
  follow();
}

// Whom a proxy has signed in needs no token and has a name, if they have the role. Their browser sends the session itself.
const acting = document.querySelectorAll("form.acknowledge, .verdicts form");
if (acting.length) {
  fetch("/v1/me")
    .then((answer) => answer.json())
    .then(({ person, scopes }) => {
      for (const form of acting) {
        if (scopes.includes(form.matches(".acknowledge") ? "acknowledge" : "verdict")) signedIn(form, person);
      }
    })
    .catch(() => {}); // the form goes on asking for a token
}

function signedIn(form, person) {
  for (const name of ["token", "by"]) {
    const field = form.elements[name];
    field.disabled = true;
    field.value = "";
    field.closest("label").hidden = true;
  }
  const words = document.createElement("p");
  words.className = "signed-in";
  words.textContent = `Signed in as ${person}.`;
  form.elements.token.closest("label").before(words);
}

// Acknowledge and silence: the form posts to the API with the token that was typed in, and the page is loaded again.
for (const form of document.querySelectorAll("form.acknowledge")) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const fields = new FormData(form);
    const body = { by: fields.get("by"), note: fields.get("note") };
    const action = event.submitter.value;
    if (action === "silence") {
      body.until = new Date(Date.now() + fields.get("hours") * 3600e3).toISOString();
    }
    const answer = await fetch(`/v1/alerts/${form.dataset.alert}/${action}`, {
      method: "POST",
      headers: {
        "Content-Type": "application/json",
        ...(fields.get("token") && { Authorization: `Bearer ${fields.get("token")}` }),
      },
      body: JSON.stringify(body),
    }).catch((error) => ({ ok: false, json: async () => ({ detail: error.message }) }));
    if (answer.ok) {
      location.reload();
    } else {
      form.querySelector("output").textContent = (await answer.json()).detail;
    }
  });
}

// If a picture is wider than the screen, show its end first: the newest look.
for (const scroller of document.querySelectorAll(".to-end")) {
  scroller.scrollLeft = scroller.scrollWidth;
}
