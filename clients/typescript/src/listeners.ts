/** Typed listeners that can be removed. */

export class Listeners<Events> {
  readonly #by = new Map<keyof Events, Set<(value: never) => void>>();

  /** Listen; the function that is returned removes the listener. Adding one twice is adding it once. */
  on<K extends keyof Events>(name: K, listener: (value: Events[K]) => void): () => void {
    const all = this.#by.get(name) ?? new Set();
    this.#by.set(name, all.add(listener));
    return () => this.off(name, listener);
  }

  off<K extends keyof Events>(name: K, listener: (value: Events[K]) => void): void {
    const all = this.#by.get(name);
    if (all?.delete(listener) && all.size === 0) this.#by.delete(name);
  }

  /** Tell all; one that throws harms no other, and is reported as an uncaught error. */
  emit<K extends keyof Events>(name: K, value: Events[K]): void {
    for (const listener of [...(this.#by.get(name) ?? [])]) {
      try {
        (listener as (value: Events[K]) => void)(value);
      } catch (error) {
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }

  count(name?: keyof Events): number {
    if (name !== undefined) return this.#by.get(name)?.size ?? 0;
    return [...this.#by.values()].reduce((sum, each) => sum + each.size, 0);
  }

  clear(): void {
    this.#by.clear();
  }
}
