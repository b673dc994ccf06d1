import {
  Bell,
  House,
  LogOut,
  ReceiptText,
  SendHorizontal,
  ShieldCheck,
  WifiOff,
} from 'lucide-react'
import type { LucideIcon } from 'lucide-react'
import { useQueryClient } from '@tanstack/react-query'
import { DropdownMenu } from 'radix-ui'
import { useEffect, useRef } from 'react'
import type { NotificationPage, NotificationView } from '@payflow-app/contracts'
import { Link, NavLink, Outlet } from 'react-router'
import { toast } from 'sonner'
import { session } from '../api/browser-session.ts'
import { problemText } from '../api/problem.ts'
import { useNotifications } from '../hooks/queries.ts'
import { useOnline } from '../hooks/use-online.ts'
import { personQuery, unnamed } from '../hooks/use-person.ts'
import { useWallet } from '../hooks/use-wallet.ts'
import { Avatar, initials } from './avatar.tsx'
import { FlowBanner } from './flow-banner.tsx'
import { Logo } from './logo.tsx'
import { notificationText } from './notification-list.tsx'
import { ResumeCards } from './resume-cards.tsx'

/** The frame around every page of a signed-in user. */
export function Layout() {
  const unread = useUnread()
  return (
    <div className='pb-24 sm:pb-10 print:p-0'>
      <a
        href='#main'
        className='sr-only bg-surface p-3 focus:not-sr-only focus:absolute focus:z-50 focus:m-2'
      >
        Skip to content
      </a>
      <header className='top-bar print:hidden'>
        <div className='mx-auto flex h-16 max-w-5xl items-center gap-6 px-4 sm:px-6'>
          <Link to='/' aria-label='PayFlow, home'>
            <Logo />
          </Link>
          <nav aria-label='Pages' className='hidden flex-1 gap-1 sm:flex'>
            <NavItems unread={unread} look='top' />
          </nav>
          <span className='flex-1 sm:hidden' />
          <AccountMenu />
        </div>
      </header>
      <OfflineBanner />
      <FlowBanner />
      <main id='main' className='mx-auto max-w-5xl px-4 pt-6 sm:px-6 sm:pt-8'>
        <ResumeCards />
        <Outlet />
      </main>
      <nav aria-label='Pages' className='tab-bar sm:hidden print:hidden'>
        <NavItems unread={unread} look='bottom' />
      </nav>
    </div>
  )
}

interface NavProps {
  readonly unread: string
  readonly look: 'top' | 'bottom'
}

const pages: readonly { to: string; label: string; icon: LucideIcon }[] = [
  { to: '/', label: 'Home', icon: House },
  { to: '/send', label: 'Send', icon: SendHorizontal },
  { to: '/history', label: 'History', icon: ReceiptText },
  { to: '/notifications', label: 'Notifications', icon: Bell },
]

const navLooks = {
  top: { base: 'gap-2 rounded-xl px-3.5 py-2 text-sm', active: 'bg-tint text-accent' },
  bottom: { base: 'flex-1 flex-col gap-1 py-2.5 text-xs', active: 'text-accent' },
} as const

function NavItems({ unread, look }: NavProps) {
  return pages.map(({ to, label, icon: Icon }) => (
    <NavLink
      key={to}
      to={to}
      end={to === '/'}
      className={({ isActive }) =>
        `flex items-center justify-center font-medium transition-colors ${navLooks[look].base} ${
          isActive ? navLooks[look].active : 'text-soft hover:text-ink'
        }`
      }
    >
      <span className='relative'>
        <Icon aria-hidden='true' className={look === 'top' ? 'size-4' : 'size-5'} />
        {look === 'bottom' && to === '/notifications' && <Count text={unread} floating />}
      </span>
      {label}
      {look === 'top' && to === '/notifications' && <Count text={unread} />}
    </NavLink>
  ))
}

function Count(props: { readonly text: string; readonly floating?: boolean }) {
  if (props.text === '') return null
  return (
    <span className={`count-bubble ${props.floating ? 'absolute -top-2 left-3' : ''}`}>
      {props.text}
      <span className='sr-only'> unread</span>
    </span>
  )
}

/** The unread count as text, and a toast for money that comes in while the page is open. */
function useUnread(): string {
  const { api } = useWallet()
  const client = useQueryClient()
  const { data } = useNotifications()
  const known = useRef<Set<string> | null>(null)
  useEffect(() => {
    if (data === undefined) return
    const items = itemsOf(data)
    const before = known.current
    known.current = new Set(items.map(({ id }) => id))
    const news = items.filter(({ id, readAt }) => before?.has(id) === false && readAt === null)
    if (news.length === 0) return // what was there when the page opened is no news
    void client.invalidateQueries({ queryKey: ['wallet'] })
    void client.invalidateQueries({ queryKey: ['payments'] })
    for (const item of news) {
      // The sender sees the payment itself; a toast is for money that comes in.
      if (item.kind !== 'payment_received' && item.kind !== 'refund_received') continue
      void client
        .fetchQuery(personQuery(api, item.counterpartyId))
        .then(({ name }) => name)
        .catch(() => unnamed(item.counterpartyId))
        .then((name) => toast.success(notificationText(item, name)))
    }
  }, [api, client, data])
  const unread = itemsOf(data).filter(({ readAt }) => readAt === null)
  const all = unread.length === itemsOf(data).length && data?.pages.at(-1)?.nextCursor != null
  return unread.length === 0 ? '' : `${unread.length}${all ? '+' : ''}`
}

function itemsOf(data: { pages: NotificationPage[] } | undefined): NotificationView[] {
  return data?.pages.flatMap((page) => page.items) ?? []
}

function OfflineBanner() {
  const online = useOnline()
  return (
    <div role='status'>
      {!online && (
        <p className='flex justify-center gap-2 bg-wait-tint px-4 py-2.5 text-sm text-wait'>
          <WifiOff aria-hidden='true' className='mt-0.5 size-4 shrink-0' />
          You are offline. What you see may be old; nothing is lost.
        </p>
      )}
    </div>
  )
}

function AccountMenu() {
  const { user } = useWallet()
  async function logOut(): Promise<void> {
    try {
      await session.logout()
    } catch (error) {
      toast.error('You are still logged in.', { description: problemText(error) })
    }
  }
  return (
    <DropdownMenu.Root>
      <DropdownMenu.Trigger
        // Whoever speaks to the page says what is seen.
        aria-label={`Account ${initials(user.name)}`}
        className='cursor-pointer rounded-full'
      >
        <Avatar id={user.id} name={user.name} />
      </DropdownMenu.Trigger>
      <DropdownMenu.Portal>
        <DropdownMenu.Content
          align='end'
          sideOffset={8}
          className='card z-30 w-64 p-2 text-sm shadow-card'
        >
          <DropdownMenu.Label className='px-3 py-2'>
            <span className='block truncate font-semibold'>{user.name}</span>
            <span className='block truncate text-soft'>{user.email}</span>
          </DropdownMenu.Label>
          <DropdownMenu.Separator className='my-1 h-px bg-line' />
          <DropdownMenu.Item asChild>
            <Link to='/security' className='menu-item'>
              <ShieldCheck aria-hidden='true' className='size-4' />
              Security
            </Link>
          </DropdownMenu.Item>
          <DropdownMenu.Item onSelect={() => void logOut()} className='menu-item'>
            <LogOut aria-hidden='true' className='size-4' />
            Log out
          </DropdownMenu.Item>
        </DropdownMenu.Content>
      </DropdownMenu.Portal>
    </DropdownMenu.Root>
  )
}
