import { BellOff, CheckCheck } from 'lucide-react'
import { Button } from '../components/button.tsx'
import { EmptyState, FormError, LoadError, SkeletonRows } from '../components/feedback.tsx'
import { MailSwitch } from '../components/mail-switch.tsx'
import { NotificationList } from '../components/notification-list.tsx'
import { PageHeading } from '../components/page-heading.tsx'
import { problemText } from '../api/problem.ts'
import { useMarkRead, useNotifications } from '../hooks/queries.ts'

export function NotificationsPage() {
  const notifications = useNotifications()
  const markRead = useMarkRead()
  const items = notifications.data?.pages.flatMap((page) => page.items) ?? []
  const unread = items.filter(({ readAt }) => readAt === null)
  return (
    <div className='mx-auto max-w-2xl'>
      <PageHeading title='Notifications'>
        {unread.length > 0 && (
          <Button
            variant='plain'
            className='shrink-0'
            busy={markRead.isPending}
            icon={<CheckCheck aria-hidden='true' className='size-4' />}
            onClick={() => markRead.mutate(unread.map(({ id }) => id))}
          >
            Mark all as read
          </Button>
        )}
      </PageHeading>
      {markRead.isError && <FormError>{problemText(markRead.error)}</FormError>}
      <p role='status' className='mb-3 text-sm text-soft'>
        {notifications.isSuccess && (unread.length > 0 ? `${unread.length} unread` : 'All read')}
      </p>
      <section className='card overflow-hidden'>
        {notifications.isPending && <SkeletonRows rows={5} />}
        {notifications.data === undefined && notifications.isError && (
          <LoadError error={notifications.error} onRetry={() => void notifications.refetch()} />
        )}
        {notifications.isSuccess && items.length === 0 && (
          <EmptyState icon={BellOff} title='Nothing yet'>
            You hear from us when money comes or goes.
          </EmptyState>
        )}
        <NotificationList notifications={items} onRead={(id) => markRead.mutate([id])} />
      </section>
      <MailSwitch />
      {notifications.hasNextPage && (
        <div className='mt-4 text-center'>
          <Button
            variant='quiet'
            busy={notifications.isFetchingNextPage}
            onClick={() => void notifications.fetchNextPage()}
          >
            Show older
          </Button>
        </div>
      )}
    </div>
  )
}
