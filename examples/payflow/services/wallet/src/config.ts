import { AMOUNT_MINOR_MAX } from '@payflow-app/contracts'
import {
  httpUrlVariable,
  integerVariable,
  portVariable,
  postgresUrlVariable,
  serviceKeyVariables,
} from '@payflow-app/service-kit'

/** What wallet-service reads from the environment. */
export const walletVariables = {
  PORT: portVariable.default(3001),
  /** The database of the ledger. No other process has its password. */
  DATABASE_URL: postgresUrlVariable,
  /** Where auth-service publishes the keys of access tokens. */
  JWKS_URL: httpUrlVariable,
  ...serviceKeyVariables('wallet'),
  /** What a new wallet opens with, in minor units; money for nothing is for demos only. */
  OPENING_CREDIT_MINOR: integerVariable(0, AMOUNT_MINOR_MAX).default(0),
}
