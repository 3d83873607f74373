/** The sound of a call: two soft notes, again and again. */

const NOTES_HZ = [523.25, 659.25];
const EVERY_MS = 2_400;

/** Plays until the function that is returned is called. `outgoing` is quieter and lower. */
export function ring(outgoing: boolean): () => void {
  const context = new AudioContext();
  const once = (): void => {
    NOTES_HZ.forEach((hz, index) => note(context, outgoing ? hz / 2 : hz, context.currentTime + index * 0.22, outgoing));
  };
  once();
  const timer = setInterval(once, EVERY_MS);
  return () => {
    clearInterval(timer);
    void context.close();
  };
}

function note(context: AudioContext, hz: number, at: number, quiet: boolean): void {
  const oscillator = context.createOscillator();
  const gain = context.createGain();
  oscillator.frequency.value = hz;
  gain.gain.setValueAtTime(0, at);
  gain.gain.linearRampToValueAtTime(quiet ? 0.04 : 0.12, at + 0.03);
  gain.gain.exponentialRampToValueAtTime(0.001, at + 0.5);
  oscillator.connect(gain).connect(context.destination);
  oscillator.start(at);
  oscillator.stop(at + 0.6);
}
