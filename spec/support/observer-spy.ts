import type { Observable, Subscription } from 'rxjs';

/** Records the notifications of an Observable: its values, then how it ended. */
export class ObserverSpy<T> {
  readonly values: T[] = [];
  error: unknown;
  state: 'open' | 'complete' | 'error' | 'unsubscribed' = 'open';
  /** Notifications after the end or after the unsubscription, which must not occur. */
  readonly violations: string[] = [];
  readonly #name: string;
  readonly #waiting = new Set<() => void>();
  #subscription: Subscription | undefined;

  /**
   * @param name names the Observable in messages.
   * @param onValue called with each value, after it was recorded.
   */
  constructor(source$: Observable<T>, name: string, onValue: (value: T) => void = () => {}) {
    this.#name = name;
    const subscription = source$.subscribe({
      next: (value) => {
        this.#check(`next`);
        this.values.push(value);
        onValue(value);
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

  /** Resolves when the Observable has completed, errored or been unsubscribed. Never rejects: see `state` and `error`. */
  get ended(): Promise<this> {
    return this.#until(() => this.state !== 'open').then(() => this);
  }

  /** Resolves with the first recorded or future value that passes; rejects if the Observable ends before. */
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

  #check(notification: string): void {
    if (this.state !== 'open') this.violations.push(`${this.#name} emitted ${notification} after ${this.state}`);
  }

  async #until(passes: () => boolean): Promise<void> {
    while (!passes()) await new Promise<void>((resolve) => this.#waiting.add(resolve));
  }

  #wake(): void {
    for (const resolve of this.#waiting) resolve();
    this.#waiting.clear();
  }
}
