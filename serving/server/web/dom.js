/** How this page writes: names of files and replies of servers are text, never markup. */

const MAX_ANNOUNCEMENTS = 20;

/** "98.2%" of a number in [0, 1]. */
export const percent = new Intl.NumberFormat("en", {
  style: "percent",
  minimumFractionDigits: 1,
  maximumFractionDigits: 1,
});

/**
 * Makes an element.
 *
 * @param {string} tag
 * @param {string} [text] shown as it is.
 * @param {string} [className]
 */
export function element(tag, text = "", className = "") {
  const made = document.createElement(tag);
  made.textContent = text;
  if (className) made.className = className;
  return made;
}

/**
 * Makes a button.
 *
 * @param {string} text on it; the same on many buttons of a page.
 * @param {string} name what assistive technology calls it: begins with the text, and is unique.
 * @param {() => void} action
 */
export function button(text, name, action) {
  const made = element("button", text);
  made.type = "button";
  made.setAttribute("aria-label", name);
  made.addEventListener("click", action);
  return made;
}

/** Adds a sentence to a live region (role "log"), which forgets the oldest. */
export function announce(region, sentence) {
  region.append(element("p", sentence));
  if (region.childElementCount > MAX_ANNOUNCEMENTS) region.firstElementChild.remove();
}

/** Says how things stand in a live region (role "status"). */
export function say(region, sentence, className) {
  region.className = className;
  // Set again, even the same sentence would be read out again.
  if (region.textContent !== sentence) region.textContent = sentence;
}

/** "1.5 MB" of bytes. */
export function megabytes(bytes) {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
