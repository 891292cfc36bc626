"use strict";
(() => {
  const root = document.documentElement;

  // Colours: the reader's system decides until the button was used.
  const button = document.querySelector(".theme");
  const system = window.matchMedia("(prefers-color-scheme: dark)");
  const isDark = () =>
    root.dataset.theme ? root.dataset.theme === "dark" : system.matches;
  const label = () => {
    button.textContent = isDark() ? "Light" : "Dark";
    button.setAttribute("aria-pressed", String(isDark()));
    button.setAttribute("aria-label", "Dark colours");
  };
  button.hidden = false;
  button.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    label();
  });
  system.addEventListener("change", label);
  label();

  // Sorting: numbers by size, text as people sort it, cells without value last.
  const names = { nan: NaN, inf: Infinity, "-inf": -Infinity };
  const number = (text) =>
    text === "" ? NaN : text in names ? names[text] : Number(text);
  const collator = new Intl.Collator("en", { numeric: true });

  const keys = (rows, place, numeric) =>
    rows.map((row) => {
      const text = row.cells[place].dataset.value;
      const value = numeric ? number(text) : text;
      return { row, value, empty: numeric ? Number.isNaN(value) : text === "" };
    });

  const sortTable = (table, place) => {
    const heads = [...table.tHead.rows[0].cells];
    const head = heads[place];
    const numeric = head.classList.contains("number");
    const down = head.getAttribute("aria-sort") === "ascending";
    const sign = down ? -1 : 1;
    const order = (a, b) => {
      if (a.empty || b.empty) return a.empty - b.empty;
      if (!numeric) return sign * collator.compare(a.value, b.value);
      return a.value === b.value ? 0 : a.value < b.value ? -sign : sign;
    };
    const body = table.tBodies[0];
    const sorted = keys([...body.rows], place, numeric).sort(order);
    body.append(...sorted.map((key) => key.row));
    heads.forEach((other) => other.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
  };

  for (const table of document.querySelectorAll("table.data")) {
    if (table.tBodies[0].rows.length < 2) continue;
    [...table.tHead.rows[0].cells].forEach((head, place) => {
      const press = document.createElement("button");
      press.type = "button";
      press.append(...head.childNodes);
      press.addEventListener("click", () => sortTable(table, place));
      head.append(press);
    });
  }

  // Copying: older browsers, and pages opened from a disk, want the long way.
  const copyByHand = (text) => {
    const area = document.createElement("textarea");
    area.value = text;
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  };
  const copy = async (text) => {
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch {
      return copyByHand(text);
    }
  };
  for (const press of document.querySelectorAll(".copy")) {
    press.hidden = false;
    press.addEventListener("click", async () => {
      const done = await copy(press.parentElement.querySelector("code").textContent);
      press.textContent = done ? "Copied" : "Select and copy";
      setTimeout(() => (press.textContent = "Copy"), 2000);
    });
  }

  // Printing shows all that is folded on the screen.
  let folded = [];
  window.addEventListener("beforeprint", () => {
    folded = [...document.querySelectorAll("details:not([open])")];
    folded.forEach((one) => (one.open = true));
  });
  window.addEventListener("afterprint", () => {
    folded.forEach((one) => (one.open = false));
  });
})();
