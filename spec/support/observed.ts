import type { Observable, Subscription } from 'rxjs';

/** What happened to an Observable, in order. Values, then one of complete and error, or our own unsubscribe. */
export class ObserverSpy<T> {
  readonly values: T[] = [];
  error: unknown;
  state: 'open' | 'complete' | 'error' | 'unsubscribed' = 'open';
  /** What must not happen: a notification after the end (V1) or after unsubscribe (V8). */
  readonly faults: string[] = [];
  readonly #name: string;
  readonly #waiting = new Set<() => void>();
  #subscription: Subscription | undefined;

  constructor(source$: Observable<T>, name: string, seen: (value: T) => void = () => {}) {
    this.#name = name;
    const subscription = source$.subscribe({
      next: (value) => {
        this.#check(`next`);
        this.values.push(value);
        seen(value);
        this.#wake();
      },
      error: (error: unknown) => {
        this.error = error;
        this.#end('error');
      },
      complete: () => this.#end('complete'),
    });
    this.#subscription = subscription;
    if (this.state === 'unsubscribed') subscription.unsubscribe();
  }

  /** Resolves when it is over: completed, errored or unsubscribed. Never rejects: look at `state` and `error`. */
  get ended(): Promise<this> {
    return this.#until(() => this.state !== 'open').then(() => this);
  }

  /** Resolves with the first value, present or to come, that passes; rejects when it ends before. */
  async value(passes: (value: T) => boolean = () => true): Promise<T> {
    await this.#until(() => this.values.some(passes) || this.state !== 'open');
    const found = this.values.filter(passes).slice(0, 1);
    if (found.length === 0) throw new Error(`expected a value of ${this.#name}, it is over (${this.state})`, { cause: this.error });
    return found[0] as T;
  }

  unsubscribe(): void {
    if (this.state !== 'open') return;
    this.state = 'unsubscribed';
    this.#subscription?.unsubscribe();
    this.#wake();
  }

  #end(how: 'complete' | 'error'): void {
    this.#check(how);
    this.state = how;
    this.#wake();
  }

  #check(what: string): void {
    if (this.state === 'open') return;
    const rule = this.state === 'unsubscribed' ? 'V8' : 'V1';
    this.faults.push(`${rule}: ${this.#name} gave ${what} after ${this.state}`);
  }

  async #until(passes: () => boolean): Promise<void> {
    while (!passes()) await new Promise<void>((resolve) => this.#waiting.add(resolve));
  }

  #wake(): void {
    for (const resolve of this.#waiting) resolve();
    this.#waiting.clear();
  }
}
