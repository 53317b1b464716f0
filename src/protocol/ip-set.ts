import { formatIp } from './ip-address.ts';
import type { IpRange } from './ip-list.ts';
import { networkOf } from './ip-network.ts';

/** A set of ranges of addresses. Finds an address with one look-up for each length of a prefix, however many ranges there are. */
export class IpSet {
  /** The ranges as text, by the length of their prefix and by their network. */
  readonly #lengths = new Map<number, Map<string, string>>();

  constructor(ranges: readonly IpRange[]) {
    for (const { bytes, bits } of ranges) {
      const networks = this.#lengths.get(bits) ?? new Map<string, string>();
      this.#lengths.set(bits, networks.set(keyOf(bytes), `${formatIp(bytes)}/${bits}`));
    }
  }

  /** Returns a range that contains the address, such as `10.0.0.0/8`. Undefined if there is none. */
  find(address: Uint8Array): string | undefined {
    for (const [bits, networks] of this.#lengths) {
      const found = networks.get(keyOf(networkOf(address, bits)));
      if (found !== undefined) return found;
    }
    return undefined;
  }
}

/** The length of the key is that of the address, so that no IPv4 network equals one of IPv6. */
function keyOf(network: Uint8Array): string {
  return String.fromCharCode(...network);
}
