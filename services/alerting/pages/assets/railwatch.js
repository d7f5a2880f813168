"use strict";

// The slider between before and after: the range input, which the keyboard moves too, sets how much of the earlier
// picture is shown.
for (const slider of document.querySelectorAll(".slider")) {
  const range = slider.querySelector("input");
  const follow = () => slider.style.setProperty("--shown", `${range.value}%`);
  range.addEventListener("input", follow);
  follow();
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
      headers: { Authorization: `Bearer ${fields.get("token")}`, "Content-Type": "application/json" },
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
