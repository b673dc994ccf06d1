import type { Connection, Reply } from '../../lib/connection.ts'

/** Posts a payment of Ada's under the key. */
export const pay = (connection: Connection, key: string, body: string): Promise<Reply> =>
  connection.send(
    'POST /payments',
    `Content-Type: application/json\r\nX-User: ada\r\nIdempotency-Key: ${key}\r\n`,
    body,
  )
