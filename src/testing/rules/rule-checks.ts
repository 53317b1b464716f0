import { sameBytes, show } from '../bytes.ts';
import { until } from './event-loop.ts';
import { RuleViolation } from './rule-violation.ts';

/** An end that receives bytes. */
export interface Receiver {
  /** Number of bytes received so far. */
  readonly received: number;
  readonly bytes: Uint8Array;
  /** Whether nothing more can arrive. */
  readonly isClosed: boolean;
}

/** The assertions of one case. Each names the rule that is broken if it fails. */
export abstract class RuleChecks {
  readonly #timeout: number;

  /** @param timeout maximum wait in real ms. */
  protected constructor(timeout: number) {
    this.#timeout = timeout;
  }

  /** Runs at each turn of a wait, for example to advance virtual time. */
  protected abstract onTurn(): void;

  /** Describes the errors that the ends of the connection have received. */
  protected abstract errors(): readonly string[];

  /** Waits until `passes` returns true; the rule is broken after a timeout. */
  async eventually(rule: number, passes: () => boolean, problem: string | (() => string)): Promise<void> {
    const passed = await until(passes, { timeout: this.#timeout, onTurn: () => this.onTurn() });
    if (!passed) this.#violate(rule, typeof problem === 'string' ? problem : problem());
  }

  /** The rule is broken unless `holds`. */
  check(rule: number, holds: boolean, problem: string | undefined): void {
    if (!holds) this.#violate(rule, problem ?? '');
  }

  /** Waits until all bytes that an application has written are reported as sent. */
  async allSent(rule: number, app: { readonly sent: number; readonly written: number }): Promise<void> {
    await this.eventually(
      rule,
      () => app.sent >= app.written,
      () => `all ${app.written} bytes have been sent, and the sum of 'sent' is ${app.sent}`,
    );
  }

  /** Waits until an end has received these bytes, and no others. */
  protected async receives(rule: number, to: Receiver, bytes: Uint8Array, [sender, receiver]: readonly [string, string]): Promise<void> {
    const problem = (): string => `${sender} sent ${show(bytes)}, and ${receiver} received ${show(to.bytes)}`;
    await this.eventually(rule, () => to.received >= bytes.length || to.isClosed, problem);
    this.check(rule, sameBytes(to.bytes, bytes), problem());
  }

  #violate(rule: number, problem: string): never {
    const errors = this.errors();
    throw new RuleViolation(rule, errors.length > 0 ? `${problem} (${errors.join('; ')})` : problem);
  }
}
