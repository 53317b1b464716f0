import { reportIgnored } from '../../util/report-ignored.ts';
import type { TlsOptions } from './tls-options.ts';

/** Returns the listener for Node's event `'keylog'`, which Node emits inside of OpenSSL. An error of `keylog` does not affect TLS. */
export function keylogListener(keylog: TlsOptions['keylog']): ((line?: Uint8Array) => void) | undefined {
  if (!keylog) return undefined;
  return (line) => {
    try {
      if (line) keylog(line);
    } catch (error) {
      reportIgnored(error);
    }
  };
}
