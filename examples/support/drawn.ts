import { createLogUpdate } from 'log-update';
import { defer, interval, tap, type MonoTypeOperatorFunction, type Observable } from 'rxjs';

/** Emits when to draw again. A frame of six lines costs log-update 1 to 2 ms, so this is about 1 % of the time. */
export const FRAMES$ = interval(150);

/**
 * Draws a text on a terminal while subscribed, over the one before: at once, at each `redraw$`, and at the end. The last text stays.
 * Passes all notifications through.
 */
export function drawn<T>(
  stream: NodeJS.WriteStream,
  text: (isLast: boolean) => string,
  redraw$: Observable<unknown> = FRAMES$,
): MonoTypeOperatorFunction<T> {
  return (source$) =>
    defer(() => {
      // log-update draws nothing on a terminal that reports no size.
      stream.columns ||= 80;
      stream.rows ||= 24;
      const draw = createLogUpdate(stream);
      draw(text(false));
      const drawing = redraw$.subscribe(() => draw(text(false)));
      const stop = (): void => {
        drawing.unsubscribe();
        draw(text(true));
        draw.done();
      };
      // Not `finalize`: the drawing ends before the subscriber prints its last line.
      return source$.pipe(tap({ error: stop, complete: stop, unsubscribe: stop }));
    });
}
