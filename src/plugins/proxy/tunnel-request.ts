import { catchError, concat, NEVER, Observable, of, throwError, type Subscriber } from 'rxjs';
import type { ConnectRequest, ConnectState, Tunnel } from '../../protocol/connect-request.ts';
import { httpConnect } from '../../protocol/http-connect.ts';
import type { Link } from '../../protocol/link.ts';
import type { Talk } from '../../protocol/need.ts';
import { Secrets } from '../../protocol/secrets.ts';
import { after } from '../../util/timer.ts';
import { END, type Dial, type Up, type Wire } from '../../wire/signal.ts';
import { REDIAL } from './tunnel-retry.ts';

/** The maximum wait for the body of a refusal, in milliseconds. The refusal itself is known already. */
const BODY_TIMEOUT = 500;

/** The conversations of one subscription: on one connection, or with `auth` on several. */
export class TunnelRequest implements ConnectState {
  authorization: string | undefined;
  attempt = 0;
  isAsking = false;
  challenges = 0;
  connections = 0;
  /** The target as it is requested, if it is not that of the request: an address that was resolved here. */
  authority: string | undefined;
  readonly secrets: Secrets;
  readonly #request: ConnectRequest;
  readonly #dial: Dial;
  #below: Subscriber<Up> | undefined;

  constructor(request: ConnectRequest, dial: Dial, { authorization, secrets }: Pick<ConnectState, 'authorization' | 'secrets'>) {
    this.#request = request;
    this.#dial = dial;
    this.authorization = authorization;
    this.secrets = new Secrets(secrets);
  }

  *talk(link: Link): Talk<Tunnel> {
    const { authority = this.#request.authority } = this;
    const tunnel = yield* httpConnect(link, { ...this.#request, authority }, this);
    if (tunnel) return tunnel;
    throw REDIAL as Error;
  }

  /**
   * Wraps the wire to the proxy, so that an end can be emitted on it. A connection that breaks while `auth` is pending only ends,
   * because the conversation continues without it.
   */
  watch(proxy: ReturnType<Wire>): ReturnType<Wire> {
    const broken = (error: unknown): Observable<Up> => (this.isAsking ? concat(of(END), NEVER) : throwError(() => error));
    const wire: ReturnType<Wire> = this.#request.auth ? (flow$) => flow$.pipe(proxy, catchError(broken)) : proxy;
    return (flow$) =>
      new Observable<Up>((below) => {
        this.#below = below;
        flow$.pipe(wire).subscribe(below);
      });
  }

  startBodyTimeout(): () => void {
    const timer = after(BODY_TIMEOUT, this.#dial.scheduler, () => this.#below?.next(END));
    this.#below?.add(timer);
    return () => timer.unsubscribe();
  }
}
