/** Who wants to hear that the log has grown. */
export class AppendHints {
  readonly #listeners = new Set<() => void>();
  #announced = false;

  subscribe(listener: () => void): () => void {
    // Wrapped, so that one function subscribed twice is also two subscriptions.
    const subscription = () => listener();
    this.#listeners.add(subscription);
    return () => void this.#listeners.delete(subscription);
  }

  /** Soon after, and once for all that is appended until then. */
  announce(): void {
    if (this.#announced) return;
    this.#announced = true;
    queueMicrotask(() => {
      this.#announced = false;
      // Each on its own, so that a listener that throws cannot keep the others from hearing.
      for (const listener of this.#listeners) queueMicrotask(listener);
    });
  }
}
