import { resolve } from 'node:path'
import { readStackFile } from '@payflow-app/stack'
import { CommandError, exitCodes } from './exit-codes.ts'

/** The databases an operator looks into. */
export type BookName = 'transaction' | 'wallet' | 'notification'

/** Where everything is. */
export interface Places {
  readonly databases: Readonly<Record<BookName, string>>
  readonly rabbitmqUrl: string
}

/** The environment variables that say it, for `--help`. */
export const placeVariables = {
  transaction: 'TRANSACTION_DATABASE_URL',
  wallet: 'WALLET_DATABASE_URL',
  notification: 'NOTIFICATION_DATABASE_URL',
  rabbitmq: 'RABBITMQ_URL',
} as const

const DEFAULT_DIR = resolve(import.meta.dirname, '../../../../.payflow')

/**
 * Finds the stores: named one by one in the environment, or those of the PayFlow that runs in a
 * folder (`npm start`).
 *
 * @throws {@link CommandError} when neither says where they are, or the environment says half of it.
 */
export function findPlaces(
  env: Readonly<Record<string, string | undefined>>,
  dir: string | undefined,
): Places {
  const given = Object.values(placeVariables).filter((name) => (env[name] ?? '') !== '')
  if (dir === undefined && given.length > 0) return placesOfEnvironment(env, given)
  const folder = resolve(dir ?? env['PAYFLOW_DIR'] ?? DEFAULT_DIR)
  const entries = readStackFile(folder)
  const postgres = entries.find(({ kind }) => kind === 'postgres')?.url
  const rabbitmqUrl = entries.find(({ kind }) => kind === 'rabbitmq')?.url
  if (postgres === undefined || rabbitmqUrl === undefined) {
    throw new CommandError(
      exitCodes.usage,
      `PayFlow does not run in ${folder}. Start it (npm start), name its folder (--dir), or set ` +
        Object.values(placeVariables).join(', '),
    )
  }
  const at = (name: BookName): string => {
    const url = new URL(postgres)
    url.pathname = `/payflow_${name}`
    return url.href
  }
  return {
    databases: {
      transaction: at('transaction'),
      wallet: at('wallet'),
      notification: at('notification'),
    },
    rabbitmqUrl,
  }
}

function placesOfEnvironment(
  env: Readonly<Record<string, string | undefined>>,
  given: readonly string[],
): Places {
  const missing = Object.values(placeVariables).filter((name) => !given.includes(name))
  if (missing.length > 0) {
    throw new CommandError(
      exitCodes.usage,
      `${given.join(' and ')} say where some of PayFlow is; ${missing.join(', ')} must too`,
    )
  }
  const of = (name: keyof typeof placeVariables) => env[placeVariables[name]] ?? ''
  return {
    databases: {
      transaction: of('transaction'),
      wallet: of('wallet'),
      notification: of('notification'),
    },
    rabbitmqUrl: of('rabbitmq'),
  }
}
