import type { TlsFacts } from '../plugins/tls/tls-options.ts';
import type { LayerDetails } from '../wire/signal.ts';

/** The type of a stream after an upgrade to TLS. */
export type Secured<S> = S & { readonly details: { readonly tls: LayerDetails & TlsFacts } };
