import { Subscription } from 'rxjs';
import { diagnostics } from '../diagnostics/diagnostics.ts';
import type { DiagnosticsMessages } from '../diagnostics/messages.ts';
import { phasesOf, type PicturePhase } from '../testing/picture/phases.ts';
import { Recorder } from '../testing/recording/record.ts';
import type { Recording } from '../testing/recording/recording.ts';
import { realTime } from '../util/real-time.ts';
import type { Settings } from './inspect-options.ts';

/** Number of recordings kept. */
export const MAX_RECORDINGS = 8;

const SIGNALS$ = /* @__PURE__ */ diagnostics('connection:signal');

/** What the page shows of a recording. */
export interface RecordingState {
  readonly isActive: boolean;
  readonly signals: number;
  readonly isCut: boolean;
}

interface Entry {
  readonly recorder: Recorder;
  /** Whether the connection was open when the recording started. */
  readonly wasOpen: boolean;
  isActive: boolean;
}

/** Records connections while they are open. Without `recordWires`, signals are published only while a recording is active. */
export class Recordings extends Subscription {
  readonly #settings: Settings;
  /** By connection, the oldest first. */
  readonly #entries = new Map<number, Entry>();
  #signals: Subscription | undefined;

  constructor(settings: Settings) {
    super();
    this.#settings = settings;
    this.#update();
    this.add(() => {
      this.#entries.clear();
      this.#signals?.unsubscribe();
    });
  }

  /** Starts to record a connection. Returns false if there are too many active recordings. @param wasOpen whether it is open now. */
  start(id: number, wasOpen: boolean): boolean {
    this.#entries.delete(id);
    if (this.#entries.size >= MAX_RECORDINGS) {
      const oldest = [...this.#entries].find(([, { isActive }]) => !isActive);
      if (!oldest) return false;
      this.#entries.delete(oldest[0]);
    }
    const startedAt = realTime.now();
    const recorder = new Recorder(this.#settings.recordLimit, () => realTime.now() - startedAt, id);
    this.#entries.set(id, { recorder, wasOpen, isActive: true });
    this.#update();
    return true;
  }

  /** Stops a recording, and keeps it. */
  stop(id: number): void {
    const entry = this.#entries.get(id);
    if (entry) entry.isActive = false;
    this.#update();
  }

  /** Frees a recording. */
  forget(id: number): void {
    this.#entries.delete(id);
    this.#update();
  }

  stateOf(id: number): RecordingState | undefined {
    const entry = this.#entries.get(id);
    if (!entry) return undefined;
    const { entries, cut } = entry.recorder.recording;
    return { isActive: entry.isActive, signals: entries.length, isCut: cut };
  }

  recordingOf(id: number): Recording | undefined {
    return this.#entries.get(id)?.recorder.recording;
  }

  /** Returns the phases for the picture of a recording. */
  phasesOf(id: number): PicturePhase[] {
    const entry = this.#entries.get(id);
    return entry ? phasesOf(entry.recorder.recording.entries, entry.wasOpen) : [];
  }

  #onSignal({ id, line, signal }: DiagnosticsMessages['connection:signal']): void {
    const entry = this.#entries.get(id);
    if (entry?.isActive) entry.recorder.add(line, signal);
  }

  /** Subscribes to the channel while it is needed: each signal costs a little meanwhile. */
  #update(): void {
    const isWanted = this.#settings.recordWires || [...this.#entries.values()].some(({ isActive }) => isActive);
    if (isWanted === (this.#signals !== undefined)) return;
    this.#signals?.unsubscribe();
    this.#signals = isWanted ? SIGNALS$.subscribe((message) => this.#onSignal(message)) : undefined;
  }
}
