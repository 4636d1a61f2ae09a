// Keys and small comforts; every one of them is also a link, a form or a button.
"use strict";
const first = (selector) => document.querySelector(selector);
const typing = (element) => element.matches("input, select, textarea");

const filters = first(".filters");
if (filters && window.matchMedia("(max-width: 44rem)").matches) filters.open = false;
document.querySelectorAll(".filters select").forEach((select) => select.addEventListener("change", () => select.form.submit()));
document.querySelectorAll("form[method=post]").forEach((form) => form.addEventListener("submit", () => { form.querySelector("button").textContent = "Drawing …"; }));

// Empty fields stay out of the address.
document.querySelectorAll(".filters form").forEach((form) => {
  const tidy = () => form.querySelectorAll("input, select").forEach((field) => { field.disabled = !field.value; });
  form.addEventListener("submit", tidy);
  const plain = form.submit.bind(form);
  form.submit = () => { tidy(); plain(); };
});
window.addEventListener("pageshow", () => document.querySelectorAll(".filters [disabled]").forEach((field) => { field.disabled = false; }));

const move = (key) => {
  const all = [...document.querySelectorAll("a.pic")];
  const at = all.indexOf(document.activeElement);
  if (!all.length) return false;
  if (at < 0) { all[0].focus(); return true; }
  if (key === "ArrowLeft" || key === "ArrowRight") {
    all[at + (key === "ArrowRight" ? 1 : -1)]?.focus();
    return true;
  }
  const here = all[at].getBoundingClientRect(), down = key === "ArrowDown";
  const rows = all.filter((one) => { const top = one.getBoundingClientRect().top; return down ? top > here.bottom - 2 : top < here.top - 2; });
  if (!rows.length) return true;
  const edge = rows[down ? 0 : rows.length - 1].getBoundingClientRect().top;
  const line = rows.filter((one) => Math.abs(one.getBoundingClientRect().top - edge) < 4);
  line.sort((a, b) => Math.abs(a.getBoundingClientRect().left - here.left) - Math.abs(b.getBoundingClientRect().left - here.left));
  line[0].focus();
  line[0].scrollIntoView({ block: "nearest" });
  return true;
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (typing(event.target)) { if (event.key === "Escape") event.target.blur(); return; }
  const links = { n: "a[rel=next]", p: "a[rel=prev]", e: "#near", Escape: "a[rel=up]" };
  if (event.key.startsWith("Arrow")) { if (move(event.key)) event.preventDefault(); }
  else if (event.key === "/") { const search = first("input[type=search]"); if (search) { filters.open = true; search.focus(); event.preventDefault(); } }
  else if (event.key === "g") first("#again")?.click();
  else if (links[event.key]) first(links[event.key])?.click();
});
