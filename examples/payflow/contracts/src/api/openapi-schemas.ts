import { z } from 'zod'
import {
  activityPage,
  activityView,
  changePasswordRequest,
  forgotPasswordRequest,
  loginSessionPage,
  loginSessionView,
  resetPasswordRequest,
} from '../account.ts'
import {
  loginRequest,
  meView,
  recipientPage,
  recipientView,
  registerRequest,
  sessionView,
  userView,
} from '../auth.ts'
import { amountQueryField, limitField } from '../fields.ts'
import { AMOUNT_MINOR_MAX, PAGE_ITEMS_DEFAULT, PAGE_ITEMS_MAX } from '../limits.ts'
import { notificationPage, notificationView } from '../notifications.ts'
import { paymentEventView } from '../payment-events.ts'
import { statusView } from '../payment-flow.ts'
import { problemSchema } from '../problem.ts'
import { statementLine, statementPage } from '../statements.ts'
import {
  acceptedTransaction,
  createTransactionRequest,
  fundsRequest,
  refundRequest,
  refundView,
  transactionDetails,
  transactionPage,
  transactionView,
} from '../transactions.ts'
import { walletView } from '../wallets.ts'

/** A JSON Schema, draft 2020-12, as OpenAPI 3.1 takes it. */
export type JsonSchema = Readonly<Record<string, unknown>>

type Io = 'input' | 'output'

/** The schemas that get a name in the document; all others are written where they are used. */
const named: Readonly<Record<Io, Readonly<Record<string, z.ZodType>>>> = {
  input: {
    RegisterRequest: registerRequest,
    LoginRequest: loginRequest,
    ChangePasswordRequest: changePasswordRequest,
    ForgotPasswordRequest: forgotPasswordRequest,
    ResetPasswordRequest: resetPasswordRequest,
    CreateTransactionRequest: createTransactionRequest,
    FundsRequest: fundsRequest,
    RefundRequest: refundRequest,
  },
  output: {
    User: userView,
    Session: sessionView,
    Me: meView,
    LoginSession: loginSessionView,
    LoginSessionPage: loginSessionPage,
    Activity: activityView,
    ActivityPage: activityPage,
    Recipient: recipientView,
    RecipientPage: recipientPage,
    Wallet: walletView,
    Transaction: transactionView,
    Refund: refundView,
    TransactionDetails: transactionDetails,
    AcceptedTransaction: acceptedTransaction,
    TransactionPage: transactionPage,
    PaymentEvent: paymentEventView,
    StatementLine: statementLine,
    StatementPage: statementPage,
    Notification: notificationView,
    NotificationPage: notificationPage,
    Status: statusView,
    Problem: problemSchema,
  },
}

/** Where a named schema is found. */
export const schemaUri = (name: string): string => `#/components/schemas/${name}`

/** All named schemas, for `components.schemas`. */
export function namedSchemas(): Record<string, JsonSchema> {
  return { ...namedOf('input'), ...namedOf('output') }
}

function namedOf(io: Io): Record<string, JsonSchema> {
  const registry = z.registry<{ id: string }>()
  for (const [id, schema] of Object.entries(named[io])) registry.add(schema, { id })
  const { schemas } = z.toJSONSchema(registry, { ...optionsOf(io), uri: schemaUri })
  return Object.fromEntries(
    Object.entries(schemas).map(([name, schema]) => [name, withoutItsOwnAddress(schema)]),
  )
}

/** A reference to a named schema, or the schema itself. */
export function schemaOf(schema: z.ZodType, io: Io): JsonSchema {
  for (const [name, one] of Object.entries(named[io])) {
    if (one === schema) return { $ref: schemaUri(name) }
  }
  return withoutItsOwnAddress(z.toJSONSchema(schema, optionsOf(io)))
}

/** In an OpenAPI document a schema is found by where it stands. */
function withoutItsOwnAddress(schema: object): JsonSchema {
  const own = Object.entries(schema).filter(([name]) => name !== '$schema' && name !== '$id')
  return Object.fromEntries(own)
}

function optionsOf(io: Io) {
  return {
    io,
    target: 'draft-2020-12',
    override({ zodSchema, jsonSchema }: { zodSchema: unknown; jsonSchema: any }) {
      // Read as text, as all of a query string is; what it means is a number.
      if (zodSchema === limitField) Object.assign(clear(jsonSchema), limitSchema)
      if (zodSchema === amountQueryField) Object.assign(clear(jsonSchema), amountSchema)
      // The format says it; its pattern would fill a screen.
      if (jsonSchema.format !== undefined) delete jsonSchema.pattern
      // Fields may be added to an answer; to a request they may not.
      if (io === 'output' && jsonSchema.additionalProperties === false) {
        delete jsonSchema.additionalProperties
      }
    },
  } as const
}

const limitSchema: JsonSchema = {
  description: 'How many items a page has at most.',
  type: 'integer',
  minimum: 1,
  maximum: PAGE_ITEMS_MAX,
  default: PAGE_ITEMS_DEFAULT,
}

const amountSchema: JsonSchema = {
  description: 'Minor units: 5000 is $50.00.',
  type: 'integer',
  minimum: 1,
  maximum: AMOUNT_MINOR_MAX,
}

function clear(target: Record<string, unknown>): Record<string, unknown> {
  for (const key of Object.keys(target)) delete target[key]
  return target
}
