/** Tells listeners of events, by their names. */

type Listener<Data> = (data: Data) => void;

/** `Events` maps names to what is told. */
export class Emitter<Events extends object> {
  #listeners = new Map<keyof Events, Set<Listener<never>>>();

  /** Calls `listener` at every event of that name until the function that is returned was called. */
  on<Name extends keyof Events>(name: Name, listener: Listener<Events[Name]>): () => void {
    const known = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, known.add(listener as Listener<never>));
    return () => known.delete(listener as Listener<never>);
  }

  /** Tells everyone. */
  protected emit<Name extends keyof Events>(name: Name, data: Events[Name]): void {
    for (const listener of [...(this.#listeners.get(name) ?? [])]) {
      (listener as Listener<Events[Name]>)(data);
    }
  }
}
