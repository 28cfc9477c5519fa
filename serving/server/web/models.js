/** The list of models and versions, in which one is chosen. */

import { element, percent } from "./dom.js";

const READY = "AVAILABLE";
const date = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium" });

/**
 * Radio buttons, one per model for "the newest version" and one per version.
 *
 * Shown again only when something has changed, and the focus stays where it was.
 */
export class ModelList {
  #container;
  #shown = null; // the models shown, as JSON
  #value = null; // the chosen radio button

  /** @param {HTMLElement} container takes the list. */
  constructor(container) {
    this.#container = container;
    container.addEventListener("change", (event) => {
      this.#value = event.target.value;
    });
  }

  /** @returns {{model: string, version: string | null} | null} null: no model is available. */
  get choice() {
    return this.#value === null ? null : JSON.parse(this.#value);
  }

  /**
   * Shows the models, as `listModels` returns them.
   *
   * @returns {string | null} what the reader should know: the version chosen is no longer there.
   */
  show(models) {
    const state = JSON.stringify(models);
    if (state === this.#shown) return null;
    this.#shown = state;
    const focused = this.#container.contains(document.activeElement)
      ? document.activeElement.value
      : null;
    this.#container.replaceChildren(
      ...(models.length ? models.map(fieldset) : [element("p", "No model is served.", "muted")]),
    );
    const news = this.#chooseAgain();
    this.#radios().find((radio) => radio.value === focused)?.focus();
    return news;
  }

  /** Says of no version any more that it is available. */
  forget() {
    this.#shown = null;
    for (const state of this.#container.querySelectorAll(".state")) state.textContent = "unknown";
  }

  #chooseAgain() {
    const ready = this.#radios().filter((radio) => !radio.disabled);
    const same = ready.find((radio) => radio.value === this.#value);
    const before = this.choice;
    const chosen = same ?? ready.find((radio) => modelOf(radio) === before?.model) ?? ready[0];
    this.#value = chosen?.value ?? null;
    if (chosen) chosen.checked = true;
    if (same || before === null) return null;
    const gone = before.version === null ? before.model : `${before.model} ${before.version}`;
    const now = this.choice?.model;
    return now ? `${gone} is gone. The newest version of ${now} answers.` : `${gone} is gone.`;
  }

  #radios() {
    return [...this.#container.querySelectorAll("input")];
  }
}

function modelOf(radio) {
  return JSON.parse(radio.value).model;
}

function fieldset({ name, versions, labels }) {
  const set = element("fieldset");
  const newest = versions.find((one) => one.state === READY)?.version;
  set.append(element("legend", name));
  if (versions.length !== 1) {
    set.append(
      option({ model: name, version: null }, "Newest version", {
        state: newest === undefined ? "none is available" : `now ${newest}`,
        ready: newest !== undefined,
      }),
    );
  }
  set.append(
    ...versions.map((one) => {
      const { version, state, error } = one;
      const named = Object.keys(labels ?? {}).filter((label) => `${labels[label]}` === version);
      // The only version is the newest one, and whichever follows it is wanted then.
      const choice = { model: name, version: versions.length === 1 ? null : version };
      return option(choice, [`Version ${version}`, ...named].join(" · "), {
        state: state.toLowerCase(),
        ready: state === READY,
        error,
        facts: facts(one),
      });
    }),
  );
  return set;
}

/** What is known of a version, in a line; empty if nothing is. */
function facts({ pushed, accuracy, pictures }) {
  const known = [];
  if (pushed) known.push(`pushed ${date.format(new Date(1_000 * pushed))}`);
  if (typeof accuracy === "number") {
    known.push(`accuracy ${percent.format(accuracy)} on ${pictures} pictures`);
  }
  return known.join(" · ");
}

function option(choice, text, { state, ready, error, facts }) {
  const label = element("label");
  const radio = element("input");
  radio.type = "radio";
  radio.name = "model";
  radio.value = JSON.stringify(choice);
  radio.disabled = !ready;
  label.append(radio, element("span", text), element("span", state, "state"));
  if (facts) label.append(element("span", facts, "facts"));
  if (error) label.append(element("span", error, "error"));
  return label;
}
