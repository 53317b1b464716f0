import { noop } from 'rxjs';
import { EBLOCKED, IOStreamError, type IOStreamErrorOptions } from '../errors.ts';
import { formatIp } from '../protocol/ip-address.ts';
import { parsePlainIp, plainIp } from '../protocol/ip-list.ts';
import { networkOf } from '../protocol/ip-network.ts';
import { AcceptRate } from './accept-rate.ts';
import type { AdmitRules, CheckedAdmitRules } from './admit-rules.ts';

/** The bits of an IPv6 address that count: the smallest network that a provider assigns. Its hosts choose the others. */
const IPV6_BITS = 64;
/** The key of the rate of all addresses. */
const ALL = '';

/** The other end of a refused connection. */
interface RefusedPeer {
  readonly address: string | undefined;
  readonly port: number | undefined;
}

/** Why a connection is refused. */
export class Refusal {
  /** The rule that refuses it. `admit` if there are no rules yet, or no address to judge. */
  readonly rule: keyof AdmitRules | 'admit';
  readonly reason: string;

  constructor(rule: keyof AdmitRules | 'admit', reason: string) {
    this.rule = rule;
    this.reason = reason;
  }

  /** The rule as in the options. */
  get #path(): string {
    return this.rule === 'admit' ? 'admit' : `admit.${this.rule}`;
  }

  /** Creates the error: EBLOCKED with the rule, the address and the port of the peer. */
  toError({ address, port }: RefusedPeer, where: Pick<IOStreamErrorOptions, 'phase' | 'layer'> = { phase: 'connect' }): IOStreamError {
    const facts = address ? { rule: this.rule, address: plainIp(address), port } : { rule: this.rule };
    const place = address ? `${plainIp(address)} port ${port}` : 'a connection without an address';
    return new IOStreamError(EBLOCKED, { ...where, message: `${place} is blocked by \`${this.#path}\`: ${this.reason}`, facts });
  }
}

/** An admitted connection. It counts until `leave` is called. */
export interface Admitted {
  leave(): void;
}

/** Judges the connections of one server by {@link AdmitRules}, and counts those that are open. */
export class Admission {
  /** The current rules. Undefined admits none. Connections that are open stay open. */
  rules: CheckedAdmitRules | undefined;
  /** The number of open connections by address. Without an entry for zero. */
  readonly #open = new Map<string, number>();
  readonly #rate = new AcceptRate();
  readonly #addressRate = new AcceptRate();

  constructor(rules: CheckedAdmitRules | undefined) {
    this.rules = rules;
  }

  /** The number of addresses that it keeps. */
  get size(): number {
    return this.#open.size + this.#addressRate.size;
  }

  /**
   * Judges a connection, and counts it if it is admitted.
   *
   * @param address of the peer. Undefined for a connection that has none; empty for a peer that has left.
   * @param now the time in milliseconds.
   */
  enter(address: string | undefined, now: number): Refusal | Admitted {
    const { rules } = this;
    if (!rules) return new Refusal('admit', 'no rules have been emitted yet');
    const bytes = address === undefined ? undefined : parsePlainIp(address);
    if (address !== undefined && !bytes) return new Refusal('admit', 'the peer has left, and has no address');
    const key = bytes && keyOf(bytes);
    const refusal = (bytes && judgeByLists(bytes, rules)) ?? this.#judgeByNumbers(key, rules, now);
    if (refusal) return refusal;
    if (rules.perSecond !== undefined) this.#rate.count(ALL, now);
    if (key === undefined) return { leave: noop };
    if (rules.perAddressPerSecond !== undefined) this.#addressRate.count(key, now);
    this.#open.set(key, this.#openOf(key) + 1);
    return { leave: () => this.#leave(key) };
  }

  #judgeByNumbers(key: string | undefined, rules: CheckedAdmitRules, now: number): Refusal | undefined {
    const { perAddress = Infinity, perAddressPerSecond = Infinity, perSecond = Infinity } = rules;
    if (key !== undefined && this.#openOf(key) >= perAddress)
      return new Refusal('perAddress', `${key} has reached its limit of ${perAddress} open`);
    if (key !== undefined && !this.#addressRate.isWithin(perAddressPerSecond, key, now))
      return new Refusal('perAddressPerSecond', `${key} has reached its limit of ${perAddressPerSecond} a second`);
    if (!this.#rate.isWithin(perSecond, ALL, now))
      return new Refusal('perSecond', `the limit of ${perSecond} a second for all addresses is reached`);
    return undefined;
  }

  #openOf(key: string): number {
    return this.#open.get(key) ?? 0;
  }

  #leave(key: string): void {
    const remaining = this.#openOf(key) - 1;
    if (remaining > 0) this.#open.set(key, remaining);
    else this.#open.delete(key);
  }
}

function judgeByLists(address: Uint8Array, { allow, deny }: CheckedAdmitRules): Refusal | undefined {
  const denied = deny?.find(address);
  if (denied !== undefined) return new Refusal('deny', `it is in ${denied}`);
  return !allow || allow.find(address) !== undefined ? undefined : new Refusal('allow', 'it is not in the list');
}

/** The address under which a connection counts, as text. */
function keyOf(address: Uint8Array): string {
  return address.length === 4 ? formatIp(address) : `${formatIp(networkOf(address, IPV6_BITS))}/${IPV6_BITS}`;
}
