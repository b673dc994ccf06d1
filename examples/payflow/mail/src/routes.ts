import { parse, problem, route } from '@payflow-app/service-kit'
import type { Express, RequestHandler, Response } from 'express'
import { simpleParser, type ParsedMail } from 'mailparser'
import { z } from 'zod'
import type { Mailbox, MailSummary } from './mailbox.ts'
import { listPage, mailPage, STYLE } from './page.ts'

const listQuery = z.object({
  to: z.string().max(254).optional(),
  limit: z
    .string()
    .regex(/^\d{1,4}$/, 'Must be a whole number')
    .transform(Number)
    .default(100),
})
const mailParams = z.object({ id: z.uuid() })

const PAGE_POLICY =
  "default-src 'none'; style-src 'self'; frame-src 'self'; base-uri 'none'; form-action 'none'; " +
  "frame-ancestors 'none'"

/** What a stranger's HTML may do: look like something, and open links in windows of their own. */
const MAIL_POLICY =
  "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; " +
  "style-src 'unsafe-inline'; img-src data:; form-action 'none'; frame-ancestors 'self'"

/** Sets what every answer has in common, before any route. */
export const securityHeaders: RequestHandler = function secure(_req, res, next) {
  res.setHeader('content-security-policy', PAGE_POLICY)
  res.setHeader('x-content-type-options', 'nosniff')
  res.setHeader('referrer-policy', 'no-referrer')
  res.setHeader('cross-origin-resource-policy', 'same-origin')
  res.setHeader('cross-origin-opener-policy', 'same-origin')
  res.setHeader('cache-control', 'no-store')
  next()
}

/**
 * Refuses what came under another name: a page of a stranger whose name was made to lead here reads
 * nothing (DNS rebinding).
 */
const onlyByLoopbackName: RequestHandler = function refuseOtherNames(req, _res, next) {
  if (['127.0.0.1', 'localhost', '[::1]', '::1'].includes(req.hostname)) next()
  else throw problem('forbidden', { detail: 'Ask for 127.0.0.1 or localhost' })
}

/** The page for people and the same as JSON for programs. Nothing here changes anything. */
export function mailRoutes(app: Express, mailbox: Mailbox): void {
  app.use(onlyByLoopbackName)
  route(app, '/style.css', { get: [(_req, res) => void res.type('css').send(STYLE)] })
  route(app, '/', {
    get: [
      async (req, res) => {
        const query = parse(listQuery, req.query, 'query')
        res.type('html').send(listPage(await mailbox.list(query), query.to))
      },
    ],
  })
  route(app, '/mails/:id', {
    get: [
      async (req, res) => {
        const { summary, parsed } = await find(mailbox, req.params)
        const hasHtml = parsed.html !== false
        res.type('html').send(mailPage({ summary, text: parsed.text ?? '', hasHtml }))
      },
    ],
  })
  route(app, '/mails/:id/html', {
    get: [async (req, res) => sendHtml(res, (await find(mailbox, req.params)).parsed)],
  })
  route(app, '/mails/:id/raw', {
    get: [
      async (req, res) => {
        const { raw } = await find(mailbox, req.params)
        res.type('text/plain').send(raw)
      },
    ],
  })
  route(app, '/api/mails', {
    get: [
      async (req, res) => {
        res.json({ items: await mailbox.list(parse(listQuery, req.query, 'query')) })
      },
    ],
  })
  route(app, '/api/mails/:id', {
    get: [
      async (req, res) => {
        const { summary, parsed } = await find(mailbox, req.params)
        const { text = '', html } = parsed
        res.json({ ...summary, text, html: html === false ? null : html })
      },
    ],
  })
}

function sendHtml(res: Response, { html }: ParsedMail): void {
  res.setHeader('content-security-policy', MAIL_POLICY)
  // Links open beside the frame, not in it.
  res.type('html').send(`<base target="_blank">${html === false ? '' : html}`)
}

interface FoundMail {
  readonly summary: MailSummary
  readonly raw: Buffer
  readonly parsed: ParsedMail
}

async function find(mailbox: Mailbox, params: unknown): Promise<FoundMail> {
  const { id } = parse(mailParams, params, 'path')
  const [summary, raw] = await Promise.all([mailbox.summary(id), mailbox.raw(id)])
  if (!summary || !raw) throw problem('not-found', { detail: 'There is no such mail' })
  return { summary, raw, parsed: await simpleParser(raw, { skipTextToHtml: true }) }
}
