/** One card per picture: thumbnail, name, and what is known of it so far. */

import { button, element, percent } from "./dom.js";

export const LABELS = 5;
const FEW_PIXELS = 80; // on the longer side: in parts.css it is shown twice as long
const NOTHING = percent.format(0);

/** A list item whose lower part is replaced as the picture goes its way. */
export class Card {
  #thumbnail = element("div", "", "thumbnail");
  #state = element("div");

  /** The last answer, or why there is none: {model, ranking, version} or {error}; null before. */
  outcome = null;

  /** @param {string} name of the file: text of a stranger. */
  constructor(name) {
    this.name = name;
    this.element = element("li", "", "card");
    this.element.tabIndex = -1; // takes the focus from a button which disappears
    const text = element("div");
    text.append(element("h3", name), this.#state);
    this.element.append(this.#thumbnail, text);
  }

  showThumbnail(canvas) {
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", this.name);
    // Enlarged, a picture of few pixels shows what the model sees: unblurred.
    canvas.classList.toggle("pixels", Math.max(canvas.width, canvas.height) <= FEW_PIXELS);
    this.#thumbnail.replaceChildren(canvas);
  }

  /** @param {string} text what is being waited for. */
  showWaiting(text) {
    this.outcome = null;
    this.#replace(element("p", text, "muted"));
  }

  /**
   * @param {string} model
   * @param {Awaited<ReturnType<import("./api.js").predict>>} answer
   * @returns {string} the answer in one line.
   */
  showAnswer(model, { ranking, version, milliseconds }) {
    const by = [model];
    if (version !== null) by.push(`version ${version}`);
    by.push(`${Math.round(milliseconds)} ms`);
    this.outcome = { model, ranking, version };
    const shown = ranking.slice(0, LABELS);
    const told = shown.filter(({ score }, index) => index === 0 || formatScore(score) !== NOTHING);
    const rest = shown.slice(told.length);
    const parts = [list(told), element("p", by.join(" · "), "by-line")];
    if (rest.length) parts.splice(1, 0, folded(`${rest.length} more at ${NOTHING}`, list(rest)));
    this.#replace(...parts);
    const best = ranking[0];
    return best ? `${best.label}, ${formatScore(best.score)}` : "The model knows no labels.";
  }

  /**
   * @param {string} sentence
   * @param {(() => void) | null} retry what the button does, null for none.
   */
  showError(sentence, retry) {
    this.outcome = { error: sentence };
    const parts = [element("p", sentence, "error")];
    if (retry) parts.push(button("Try again", `Try again: ${this.name}`, retry));
    this.#replace(...parts);
  }

  #replace(...parts) {
    const focused = this.#state.contains(document.activeElement);
    this.#state.replaceChildren(...parts);
    if (focused) this.element.focus();
  }
}

function list(ranking) {
  const labels = element("ol", "", "labels");
  labels.append(...ranking.map(row));
  return labels;
}

function folded(summary, content) {
  const details = element("details");
  details.append(element("summary", summary), content);
  return details;
}

function row({ label, score }) {
  const item = element("li");
  const bar = element("span", "", "bar");
  const filled = element("span");
  // Scores are the model's: nothing says that they are probabilities.
  filled.style.width = `${100 * Math.min(1, Math.max(0, score || 0))}%`;
  bar.append(filled);
  bar.setAttribute("aria-hidden", "true");
  item.append(element("span", label), element("span", formatScore(score)), bar);
  return item;
}

function formatScore(score) {
  return Number.isFinite(score) ? percent.format(score) : "no score";
}
