"use strict";

// The slider between before and after: how much of the earlier picture is shown follows the range input, which the
// keyboard moves as well.
for (const slider of document.querySelectorAll(".slider")) {
  const range = slider.querySelector("input");
  const follow = () => slider.style.setProperty("--shown", `${range.value}%`);
  range.addEventListener("input", follow);
  follow();
}

// Where a picture is wider than the screen, its end is what matters: the newest look.
for (const scroller of document.querySelectorAll(".to-end")) {
  scroller.scrollLeft = scroller.scrollWidth;
}
