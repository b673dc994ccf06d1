import {
  idField,
  statementCsvQuery,
  statementQuery,
  type StatementPage,
} from '@payflow-app/contracts'
import {
  decodeCursor,
  encodeCursor,
  parse,
  problem,
  requireUser,
  route,
  userOf,
  type UserTokens,
} from '@payflow-app/service-kit'
import type { Express, Request } from 'express'
import { z } from 'zod'
import { statementCsv } from '../statement-csv.ts'
import { readStatement, readWholeStatement, type StatementOptions } from '../statement.ts'

/** What the routes need. */
export interface StatementRouteOptions extends StatementOptions {
  readonly userTokens: UserTokens
}

const walletParams = z.object({ userId: idField })

/** The number of a line. Far fewer digits than a bigint has, and more than any wallet has lines. */
const place = z.string().regex(/^[1-9]\d{0,11}$/)

/** `GET /wallets/:userId/statement` and `…/statement.csv`, for the wallet's owner. */
export function statementRoutes(app: Express, options: StatementRouteOptions): void {
  const user = requireUser(options.userTokens)
  route(app, '/wallets/:userId/statement', {
    get: [user, async (req, res) => void res.json(await statementPage(options, req))],
  })
  route(app, '/wallets/:userId/statement.csv', {
    get: [
      user,
      async (req, res) => {
        const userId = ownerOf(req)
        const period = parse(statementCsvQuery, req.query, 'query')
        const statement = await readWholeStatement(options, { userId, ...period })
        res.setHeader('content-disposition', 'attachment; filename="statement.csv"')
        res.type('text/csv').send(statementCsv(statement))
      },
    ],
  })
}

async function statementPage(options: StatementOptions, req: Request): Promise<StatementPage> {
  const userId = ownerOf(req)
  const { limit, cursor, ...period } = parse(statementQuery, req.query, 'query')
  const after = decodeCursor(place, cursor)
  const page = { limit, after: after === undefined ? undefined : BigInt(after) }
  const { lines, next, ...rest } = await readStatement(options, { userId, ...period }, page)
  const nextCursor = next === null ? null : encodeCursor(String(next))
  return { ...rest, items: [...lines], nextCursor }
}

function ownerOf(req: Request): string {
  const { userId } = parse(walletParams, req.params, 'path')
  // Whether somebody else has a wallet is nobody's business, so both answers look the same.
  if (userOf(req).userId === userId) return userId
  throw problem('not-found', { detail: 'There is no such wallet' })
}
