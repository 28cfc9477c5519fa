/** The list of models and versions, in which one is chosen. */

import { element } from "./dom.js";

const READY = "AVAILABLE";

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
  set.append(
    element("legend", name),
    option({ model: name, version: null }, "Newest version", {
      state: newest === undefined ? "none is available" : `now ${newest}`,
      ready: newest !== undefined,
    }),
    ...versions.map(({ version, state, error }) => {
      const named = Object.keys(labels ?? {}).filter((label) => `${labels[label]}` === version);
      return option({ model: name, version }, [`Version ${version}`, ...named].join(" · "), {
        state: state.toLowerCase(),
        ready: state === READY,
        error,
      });
    }),
  );
  return set;
}

function option(choice, text, { state, ready, error }) {
  const label = element("label");
  const radio = element("input");
  radio.type = "radio";
  radio.name = "model";
  radio.value = JSON.stringify(choice);
  radio.disabled = !ready;
  label.append(radio, element("span", text), element("span", state, "state"));
  if (error) label.append(element("span", error, "error"));
  return label;
}
