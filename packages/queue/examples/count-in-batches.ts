// #region main
import { sql } from 'kysely'
import { z } from 'zod'
import { defineMessage } from '@payflow/queue'
import type { Bus } from '@payflow/queue'

export const PageViewed = defineMessage({
  type: 'pages.viewed',
  version: 1,
  schema: z.object({ page: z.string() }),
  key: (view) => view.page,
})

export async function countViews(bus: Bus): Promise<void> {
  const consumer = bus.consumer({
    name: 'views',
    queue: 'views',
    messages: [PageViewed],
    batch: { size: 100, waitMs: 5 }, // at most so many, and the first waits at most so long
    retry: { attempts: 3, delaysMs: [250] },
  })
  consumer.handleBatch(PageViewed, async (messages, { trx }) => {
    const pages = messages.map(({ data }) => data.page)
    // In the order of the pages, so that two batches cannot deadlock on their rows.
    await sql`insert into view_count (page, views)
      select page, count(*) from unnest(${pages}::text[]) as viewed (page) group by page order by page
      on conflict (page) do update set views = view_count.views + excluded.views`.execute(trx)
  })
  await consumer.start()
}
// #endregion main
