/**
 * Extracts the reason from an OpenSSL error line:
 *
 * ```text
 * 80BC…:error:0A000410:SSL routines:ssl3_read_bytes:sslv3 alert handshake failure:../rec_layer_s3.c:1601:SSL alert number 40
 *   → sslv3 alert handshake failure (SSL alert number 40)
 * ```
 *
 * @returns the message unchanged, if it is not such a line.
 */
export function opensslReason(message: string): string {
  const [, reason, data = ''] = /error:[0-9a-f]{8}:[^:]*:[^:]*:([^:\n]+)(?::[^:]*:\d+:([^\n]*))?/i.exec(message) ?? [];
  if (reason === undefined) return message;
  return data === '' ? reason : `${reason} (${data})`;
}
