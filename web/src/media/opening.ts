/** Devices that take a while to open, because a person is asked. */

/** Of several that are being opened one after the other, the last one counts, and none once it was taken back. */
export class Opening<T> {
  #turn = 0;

  /** What is being opened is not wanted any more. */
  cancel(): void {
    this.#turn += 1;
  }

  /** Opens something; gives `null` where it is not wanted any more, after closing it. Throws what `open` throws. */
  async begin(open: () => Promise<T>, close: (opened: T) => void): Promise<T | null> {
    this.#turn += 1;
    const turn = this.#turn;
    let opened: T;
    try {
      opened = await open();
    } catch (error) {
      if (turn !== this.#turn) return null;
      throw error;
    }
    if (turn === this.#turn) return opened;
    close(opened);
    return null;
  }
}
