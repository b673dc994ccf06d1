import { BellOff, Inbox } from 'lucide-react'
import type { ReactNode } from 'react'
import { Link } from 'react-router'
import type { TransactionView } from '@payflow-app/contracts'
import { Avatar } from '../components/avatar.tsx'
import { BalanceCard } from '../components/balance-card.tsx'
import { EmptyState, LoadError, SkeletonRows } from '../components/feedback.tsx'
import { NotificationList } from '../components/notification-list.tsx'
import { PageHeading } from '../components/page-heading.tsx'
import { PaymentList } from '../components/payment-list.tsx'
import { useMarkRead, useNotifications, useRecentPayments } from '../hooks/queries.ts'
import { usePerson } from '../hooks/use-person.ts'
import { useWallet } from '../hooks/use-wallet.ts'

const recentMax = 6
const peopleMax = 5
const newsMax = 3

export function DashboardPage() {
  return (
    <>
      <PageHeading title='Home' hidden />
      <div className='home-grid'>
        <div className='space-y-6'>
          <BalanceCard />
          <RecentPeople />
        </div>
        <div className='home-activity'>
          <RecentActivity />
        </div>
        <News />
      </div>
    </>
  )
}

function Section(props: {
  readonly title: string
  readonly to: string
  readonly link: string
  readonly children: ReactNode
}) {
  return (
    <section className='card overflow-hidden'>
      <div className='flex items-center justify-between px-4 pt-4 pb-2 sm:px-5'>
        <h2 className='font-semibold'>{props.title}</h2>
        <Link to={props.to} className='text-sm font-medium text-accent hover:underline'>
          {props.link}
        </Link>
      </div>
      {props.children}
    </section>
  )
}

function RecentActivity() {
  const recent = useRecentPayments(recentMax)
  return (
    <Section title='Recent activity' to='/history' link='See all'>
      {recent.data === undefined && recent.isError && (
        <LoadError error={recent.error} onRetry={() => void recent.refetch()} />
      )}
      {recent.isPending && <SkeletonRows rows={4} />}
      {recent.data?.items.length === 0 && (
        <EmptyState icon={Inbox} title='No payments yet'>
          Send somebody money, and it shows up here at once.
        </EmptyState>
      )}
      {recent.data && <PaymentList payments={recent.data.items} />}
    </Section>
  )
}

function News() {
  const notifications = useNotifications()
  const markRead = useMarkRead()
  const items = notifications.data?.pages[0]?.items ?? []
  const unread = items.filter(({ readAt }) => readAt === null)
  return (
    <Section
      title={unread.length > 0 ? `Notifications (${unread.length} unread)` : 'Notifications'}
      to='/notifications'
      link='See all'
    >
      {notifications.data === undefined && notifications.isError && (
        <LoadError error={notifications.error} onRetry={() => void notifications.refetch()} />
      )}
      {notifications.isPending && <SkeletonRows rows={2} />}
      {notifications.data && items.length === 0 && (
        <EmptyState icon={BellOff} title='Nothing new'>
          You hear from us when money comes or goes.
        </EmptyState>
      )}
      <NotificationList
        notifications={items.slice(0, newsMax)}
        onRead={(id) => markRead.mutate([id])}
      />
    </Section>
  )
}

/** The people this user paid last, one click from being paid again. */
function RecentPeople() {
  const { user } = useWallet()
  const recent = useRecentPayments(recentMax)
  const ids = recentRecipients(recent.data?.items ?? [], user.id).slice(0, peopleMax)
  if (ids.length === 0) return null
  return (
    <section aria-label='Send again'>
      <ul className='flex gap-2 overflow-x-auto'>
        {ids.map((id) => (
          <li key={id}>
            <PersonLink id={id} />
          </li>
        ))}
      </ul>
    </section>
  )
}

function PersonLink({ id }: { readonly id: string }) {
  const person = usePerson(id)
  if (person === undefined) return null
  return (
    <Link
      to='/send'
      state={{ to: person }}
      className='flex w-20 flex-col items-center gap-1.5 rounded-2xl p-2 text-xs hover:bg-sunken'
    >
      <Avatar id={person.id} name={person.name} size='lg' />
      <span className='sr-only'>Send money to {person.name}</span>
      <span className='w-full truncate text-center' aria-hidden='true'>
        {person.name.split(' ')[0]}
      </span>
    </Link>
  )
}

function recentRecipients(payments: readonly TransactionView[], userId: string): string[] {
  const sent = payments.filter(
    ({ kind, fromUserId }) => kind === 'payment' && fromUserId === userId,
  )
  return [...new Set(sent.map(({ toUserId }) => toUserId))]
}
