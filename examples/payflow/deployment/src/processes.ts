import { authVariables } from '@payflow-app/auth/config'
import { gatewayFaults, gatewayVariables } from '@payflow-app/gateway/config'
import { mailFaults, mailVariables } from '@payflow-app/mail/config'
import { migrationVariables } from '@payflow-app/migrations/config'
import { notificationFaults, notificationVariables } from '@payflow-app/notification/config'
import { processVariables, type ConfigFault } from '@payflow-app/service-kit'
import { transactionVariables } from '@payflow-app/transaction/config'
import { walletVariables } from '@payflow-app/wallet/config'
import { reversalService } from '@payflow-app/worker/reversal-service'
import { reversalVariables } from '@payflow-app/worker/reversal'
import { worker } from '@payflow-app/worker/worker'
import { z } from 'zod'
import { makeSecretFiles } from './secrets.ts'

/** What a process reads from its environment, and what it finds wrong with all of it together. */
export interface ProcessSchema {
  readonly variables: Readonly<Record<string, z.ZodType>>
  readonly faults?: (config: never) => readonly ConfigFault[]
}

/** The processes that are deployed, and the two jobs. */
export const PROCESS_SCHEMAS: Readonly<Record<string, ProcessSchema>> = {
  gateway: { variables: { ...processVariables, ...gatewayVariables }, faults: gatewayFaults },
  auth: { variables: { ...processVariables, ...authVariables } },
  wallet: { variables: { ...processVariables, ...walletVariables } },
  transaction: { variables: { ...processVariables, ...transactionVariables } },
  notification: {
    variables: { ...processVariables, ...notificationVariables },
    faults: notificationFaults,
  },
  mail: { variables: { ...processVariables, ...mailVariables }, faults: mailFaults },
  worker: { variables: { ...processVariables, ...worker.variables } },
  reversal: { variables: { ...processVariables, ...reversalService.variables } },
  'reversal-job': { variables: reversalVariables },
  migrations: { variables: migrationVariables },
}

/** Read by Node and by the libraries, not by our own configuration. */
const KNOWN_ELSEWHERE = /^(NODE_ENV|NODE_OPTIONS|OTEL_[A-Z_]+)$/

/** What a variable would hold at run time whose value is in a secret. */
const STAND_INS: readonly string[] = [
  ...Object.values(makeSecretFiles()),
  'smtp://user:password@mail.example.com:587',
]

/**
 * Says what is wrong with the environment a process would be given: something it requires is missing,
 * something is there that it does not read (a typing error, or left over), or a value is refused.
 */
export function environmentFaults(
  process: string,
  environment: Readonly<Record<string, string>>,
): string[] {
  const schema = PROCESS_SCHEMAS[process]
  if (schema === undefined) return [`${process}: is no process of PayFlow`]
  const { variables, faults = () => [] } = schema
  const input: Record<string, string> = {}
  const found: string[] = []
  for (const [name, value] of Object.entries(environment)) {
    const bare = name.replace(/_FILE$/, '')
    if (name in variables) input[name] = value
    else if (bare !== name && bare in variables) input[bare] = standIn(variables[bare])
    else if (!KNOWN_ELSEWHERE.test(name)) found.push(`${process} does not read ${name}`)
    if (bare !== name && bare in environment) found.push(`${process}: ${bare} is given twice`)
  }
  const parsed = z.object(variables).safeParse(input)
  for (const { path, message } of parsed.error?.issues ?? []) {
    const name = String(path[0])
    found.push(`${process}: ${name} ${name in input ? message : 'is required'}`)
  }
  if (!parsed.success) return found
  return [
    ...found,
    ...faults(parsed.data as never).map(({ name, message }) => `${process}: ${name} ${message}`),
  ]
}

/** Any value the variable accepts; what it will be is in a secret, which nobody reads here. */
function standIn(variable: z.ZodType | undefined): string {
  return STAND_INS.find((value) => variable?.safeParse(value).success) ?? ''
}
