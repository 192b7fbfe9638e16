package inspect_test
import ("testing";"fmt";"time";"runtime";"strings"
"github.com/portcullis-authz/portcullis/inspect"
"github.com/portcullis-authz/portcullis/acl"
"github.com/portcullis-authz/portcullis/ops"
"github.com/portcullis-authz/portcullis/resource"
"github.com/portcullis-authz/portcullis/snapshot")
func TestX(t *testing.T){
 all:=shapes
 type sh=struct{name string; acl func(int)acl.Binding}
 all=append(all, sh{"nest",func(i int)acl.Binding{ b:=allow(fmt.Sprint("User:u",i),fmt.Sprintf("10.%d.%d.0/24",i>>8,i&255),ops.Read,resource.PrefixedPattern(resource.Topic,strings.Repeat("a",i+1))); if i%2==1{b.Entry.Permission=acl.Deny}; return b}})
 all=append(all, sh{"neststar",func(i int)acl.Binding{ b:=allow("User:*","*",ops.Read,resource.PrefixedPattern(resource.Topic,strings.Repeat("a",i+1))); if i%2==1{b.Entry.Permission=acl.Deny}; return b}})
 all=append(all, sh{"nestone",func(i int)acl.Binding{ b:=allow("User:one",fmt.Sprintf("10.%d.%d.0/24",i>>8,i&255),ops.Read,resource.PrefixedPattern(resource.Topic,strings.Repeat("a",i+1))); if i%2==1{b.Entry.Permission=acl.Deny}; return b}})
 all=append(all, sh{"nesthalf",func(i int)acl.Binding{ b:=allow("User:*","*",ops.Read,resource.PrefixedPattern(resource.Topic,strings.Repeat("a",i/2+1))); if i%2==1{b.Entry.Principal=fmt.Sprint("User:",i)}; return b}})
 all=append(all, sh{"wildhosts",func(i int)acl.Binding{ b:=allow("User:*",fmt.Sprintf("10.%d.%d.%d",i>>16,i>>8&255,i&255),ops.Read,resource.LiteralPattern(resource.Topic,fmt.Sprint("t",i))); return b}})
 all=append(all, sh{"cidrs",func(i int)acl.Binding{ b:=allow("User:*",fmt.Sprintf("10.%d.%d.%d/%d",i>>8,i&255,i&15,8+i%25),ops.Read,resource.LiteralPattern(resource.Topic,"*")); if i%2==1{b.Entry.Permission=acl.Deny}; return b}})
 all=append(all, sh{"samename",func(i int)acl.Binding{ b:=allow(fmt.Sprint("User:",i),fmt.Sprintf("10.%d.%d.%d",i>>16,i>>8&255,i&255),ops.Read,resource.LiteralPattern(resource.Topic,"x")); if i%2==1{b.Entry.Permission=acl.Deny}; return b}})
 for _,s:=range all { for _,n:=range []int{400,1000,10000}{
  store := snapshot.NewStore(snapshot.Config{})
  store.Update(func(tx *snapshot.Tx) error { for i:=range n { tx.Add(s.acl(i)) }; return nil })
  var a,b runtime.MemStats; runtime.GC(); runtime.ReadMemStats(&a)
  st:=time.Now(); m,err:=inspect.NewMatrix(store.Load(),nil); d:=time.Since(st); runtime.ReadMemStats(&b)
  e:=""; if err!=nil{e="ERR"}
  rulings:=0; runs:=0; for _,c:=range m.Cells{rulings+=len(c.Rulings)}; for _,r:=range m.Rows{runs+=len(r.Runs)}
  fmt.Printf("%-12s %6d %-8v %s rows %d cols %d cells %d rulings %d runs %d alloc %d MB sys %d\n",s.name,n,d.Round(time.Millisecond),e,len(m.Rows),len(m.Columns),len(m.Cells),rulings,runs,(b.TotalAlloc-a.TotalAlloc)>>20,b.HeapSys>>20)
 }}
}
