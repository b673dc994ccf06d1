// #region main
import { sql } from 'kysely'
import { createTransport } from 'nodemailer'
import { z } from 'zod'
import { deadLetter, defineMessage } from '@payflow/queue'
import type { Bus } from '@payflow/queue'

export const MailWanted = defineMessage({
  type: 'mail.wanted',
  version: 1,
  schema: z.object({ to: z.email(), subject: z.string().max(200), text: z.string() }),
  key: (mail) => mail.to,
})

export async function sendMail(bus: Bus, smtpUrl: string): Promise<void> {
  const smtp = createTransport(smtpUrl, { from: 'Shop <shop@shop.example>' })
  const consumer = bus.consumer({
    name: 'mail',
    queue: 'mail',
    messages: [MailWanted],
    concurrency: 4, // connections to the mail server at once
    deadlineMs: 60_000,
  })
  consumer.handle(MailWanted, {
    // No transaction is open while the mail server thinks.
    async decide({ id, data }) {
      const messageId = `<${id}@shop.example>` // the same in every attempt
      try {
        return (await smtp.sendMail({ ...data, messageId })).response
      } catch (error) {
        const code = (error as { responseCode?: number }).responseCode ?? 0
        if (code >= 500) throw deadLetter(`smtp-${code}`, error) // refused for good
        throw error // 4xx, or nobody answered: later
      }
    },
    async record({ id, data }, response, { trx }) {
      await sql`insert into sent_mail (id, recipient, response)
        values (${id}, ${data.to}, ${response})`.execute(trx)
    },
  })
  await consumer.start()
}
// #endregion main
