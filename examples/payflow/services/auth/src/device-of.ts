import type { Transaction } from 'kysely'
import { accountHashOf, type ClientInfo } from './client-info.ts'
import type { AuthDatabase } from './database.ts'
import { newToken, type SecretToken } from './secret-token.ts'
import { isDeviceKnown } from './sql/is-device-known.ts'

/**
 * The token by which a browser is known to an account from now on: its own, if it is known by that
 * already, otherwise a new one. A cookie that somebody else has left there, or another site has set,
 * would give them a count of the account's attempts. Of two people who share a browser it is known
 * to the one who logged in last.
 */
export async function deviceOf(
  trx: Transaction<AuthDatabase>,
  email: string,
  { deviceToken, deviceHash }: ClientInfo,
): Promise<SecretToken> {
  if (deviceToken === undefined || deviceHash === null) return newToken()
  const isKnown = await isDeviceKnown(trx, accountHashOf(email), deviceHash)
  return isKnown ? { token: deviceToken, hash: deviceHash } : newToken()
}
