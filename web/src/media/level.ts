/** How loud a track is. */

/** Samples that one reading looks at: 21 ms at 48 kHz. */
const SAMPLES = 1024;

/** Measures one track through the browser's own decoder. */
export class Level {
  #source: MediaStreamAudioSourceNode;
  #analyser: AnalyserNode;
  #samples = new Float32Array(SAMPLES);

  /** The context must outlive this. Of what arrives over WebRTC nothing is heard here unless an element plays it. */
  constructor(context: AudioContext, track: MediaStreamTrack) {
    this.#analyser = context.createAnalyser();
    this.#analyser.fftSize = SAMPLES;
    this.#source = context.createMediaStreamSource(new MediaStream([track]));
    this.#source.connect(this.#analyser);
  }

  /** The root of the mean square of the last samples, from 0 to 1. */
  read(): number {
    this.#analyser.getFloatTimeDomainData(this.#samples);
    const energy = this.#samples.reduce((sum, sample) => sum + sample * sample, 0);
    return Math.sqrt(energy / SAMPLES);
  }

  /** Ends the measuring. */
  stop(): void {
    this.#source.disconnect();
  }
}
