/** How long to wait before the next try. */

/** Numbers from 0 up to but not including 1; `Math.random` outside of tests. */
export type Random = () => number;

/** Delays that double from try to try, up to a limit, each spread over half of itself. */
export class Backoff {
  #tries = 0;

  constructor(
    private readonly firstMs: number,
    private readonly mostMs: number,
    private readonly random: Random,
  ) {}

  /** How often it was asked since it was reset. */
  get tries(): number {
    return this.#tries;
  }

  /** The next delay, in milliseconds. */
  next(): number {
    const whole = Math.min(this.firstMs * 2 ** this.#tries, this.mostMs);
    this.#tries += 1;
    return whole * (0.5 + 0.5 * this.random());
  }

  /** Begins anew: a try succeeded. */
  reset(): void {
    this.#tries = 0;
  }
}
