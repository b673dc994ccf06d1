/*
 * Pays order-17 once, however often this program is started, killed and started again.
 *   PAYMENTS_URL=http://127.0.0.1:3000/payments node examples/pay-from-a-client.ts
 */
// #region main
import { randomUUID } from 'node:crypto'
import { link, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { idempotentFetch } from '@payflow/idempotency/client'
import type { KeyStorage } from '@payflow/idempotency/client'

const url = process.env['PAYMENTS_URL'] ?? 'http://127.0.0.1:3000/payments'
const folder = process.env['KEYS_FOLDER'] ?? 'payment-keys'
const fileOf = (action: string) => `${folder}/${encodeURIComponent(action)}`

// One file an action. `link` fails if there is one already, so that exactly one key wins.
const persist: KeyStorage = {
  async claim(action, key) {
    await mkdir(folder, { recursive: true })
    const draft = `${folder}/.${randomUUID()}`
    await writeFile(draft, key, { flush: true })
    await link(draft, fileOf(action)).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error
    })
    await rm(draft)
    return readFile(fileOf(action), 'utf8')
  },
  forget: (action) => rm(fileOf(action), { force: true }),
}

const send = idempotentFetch({ persist })
const result = await send(url, {
  action: 'order-17',
  headers: { 'x-user': 'ada' },
  json: { amount: 500 },
})
switch (result.outcome) {
  case 'answered':
    console.log(result.response.status, await result.response.text(), result.replayed)
    break
  case 'refused': // not executed, and it would not help to ask again
    console.log('refused', result.code)
    break
  case 'indeterminate': // the server does not know: look the payment up
  case 'unknown': // nobody answered: start this program again
    console.log(result.outcome, result.key)
}
// #endregion main
